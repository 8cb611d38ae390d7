package upstream

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// DefaultALPN is what a host speaks when nothing else is said.
var DefaultALPN = []string{"h2", "http/1.1"}

// Profile is how one host name behaves below HTTP.
type Profile struct {
	Name      string
	ALPN      []string // in the order of preference; empty: the extension is not answered
	MinTLS    uint16
	MaxTLS    uint16
	NoTickets bool
	Cert      string // a kind of package certs
	Raw       string // "", or "echo": after the handshake every octet comes back, whatever it is
}

// ParseALPN reads "h2,http/1.1" or "h2+http/1.1"; "h1" means http/1.1, "none" no answer at all.
func ParseALPN(text string) []string {
	var out []string
	for _, proto := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '+' }) {
		switch proto {
		case "none":
		case "h1":
			out = append(out, "http/1.1")
		default:
			out = append(out, proto)
		}
	}
	return out
}

// ParseProfile reads "NAME;alpn=h2+http/1.1;tls=1.2;tickets=off;cert=expired;raw=echo".
func ParseProfile(text string, alpn []string) (Profile, error) {
	parts := strings.Split(text, ";")
	p := Profile{Name: strings.ToLower(parts[0]), ALPN: alpn, MinTLS: tls.VersionTLS12}
	if p.Name == "" {
		return p, fmt.Errorf("profile %q names no host", text)
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "alpn":
			p.ALPN = ParseALPN(value)
		case "tls":
			version, ok := map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11,
				"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[value]
			if !ok {
				return p, fmt.Errorf("profile %q: tls wants 1.0, 1.1, 1.2 or 1.3", text)
			}
			p.MinTLS, p.MaxTLS = version, version
		case "tickets":
			if value != "on" && value != "off" {
				return p, fmt.Errorf("profile %q: tickets wants on or off", text)
			}
			p.NoTickets = value == "off"
		case "cert":
			p.Cert = value
		case "raw":
			if value != "echo" {
				return p, fmt.Errorf("profile %q: raw wants echo", text)
			}
			p.Raw = value
		default:
			return p, fmt.Errorf("profile %q: unknown key %q; known: alpn tls tickets cert raw", text, key)
		}
	}
	return p, nil
}

// EchoALPN is a protocol nobody knows; every host plays it for a client that offers it.
const EchoALPN = "agp-echo/1"

// config is the TLS configuration of a host. It lives as long as the server: session tickets are
// opened with the keys of the configuration that sealed them.
func (s *Server) config(p Profile) *tls.Config {
	protos := append(append([]string{}, p.ALPN...), EchoALPN)
	if len(p.ALPN) == 0 {
		protos = nil
	}
	return &tls.Config{NextProtos: protos, MinVersion: p.MinTLS, MaxVersion: p.MaxTLS,
		SessionTicketsDisabled: p.NoTickets,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.cfg.Certs.Leaf(hello.ServerName)
		}}
}
