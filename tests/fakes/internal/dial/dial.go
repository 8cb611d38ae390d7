// Package dial overrides name resolution, so that the doubles can be pointed at a loopback port
// while they keep the real server name in TLS and HTTP.
package dial

import (
	"context"
	"fmt"
	"net"
	"strings"
)

// Map holds "name=ip" and "name=ip:port" overrides; it is a flag.Value.
type Map map[string]string

func (m Map) String() string {
	var parts []string
	for name, to := range m {
		parts = append(parts, name+"="+to)
	}
	return strings.Join(parts, ",")
}

// Set adds one override, or several separated by commas.
func (m Map) Set(text string) error {
	for _, item := range strings.Split(text, ",") {
		name, to, ok := strings.Cut(item, "=")
		if !ok || name == "" || to == "" {
			return fmt.Errorf("want name=ip or name=ip:port, got %q", item)
		}
		m[strings.ToLower(name)] = to
	}
	return nil
}

// Target returns the address to connect to for a host:port. The name "*" matches every host
// without an override of its own.
func (m Map) Target(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	to, ok := m[strings.ToLower(host)]
	if !ok {
		to, ok = m["*"]
	}
	if !ok {
		return address
	}
	if net.ParseIP(to) != nil {
		return net.JoinHostPort(to, port)
	}
	return to
}

// Func is a DialContext with the overrides; network other than "" replaces tcp by tcp4 or tcp6.
func (m Map) Func(network string) func(context.Context, string, string) (net.Conn, error) {
	var d net.Dialer
	return func(ctx context.Context, want, address string) (net.Conn, error) {
		if network != "" {
			want = network
		}
		return d.DialContext(ctx, want, m.Target(address))
	}
}
