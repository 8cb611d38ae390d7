package ls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"antigravity-proxy/fakes/internal/pb"
)

func (r *rig) wait(what string) int {
	r.t.Helper()
	select {
	case status := <-r.ended:
		return status
	case <-time.After(20 * time.Second):
		r.t.Fatalf("waited in vain for: %s", what)
	}
	return -1
}

func TestTheParentPipeEndsTheServer(t *testing.T) {
	for eof, exits := range map[string]bool{"exit": true, "run": false} {
		path := filepath.Join(t.TempDir(), "server_0123")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r := launch(t, "e2", func(k *Knobs) { k.ParentEOF = eof }, "--parent_pipe_path", path)
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		r.must("Heartbeat", object{})
		c.Close()
		if exits {
			if status := r.wait("the end"); status != 0 || !strings.Contains(r.log.String(), "Parent pipe closed on language server process") {
				t.Errorf("%d %s", status, r.log)
			}
			continue
		}
		r.must("Heartbeat", object{})
	}
}

func TestAMissingParent(t *testing.T) {
	launch(t, "e1", nil)
	s, lines, _ := build(t, "e2", func(k *Knobs) { k.ParentMissing = "exit" })
	if status := s.Run(context.Background()); status != 1 || !strings.Contains(lines.String(), "parent_pipe_path is required") {
		t.Errorf("%d %s", status, lines)
	}
	s, lines, _ = build(t, "e2", func(k *Knobs) { k.ParentMissing = "unbound" })
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if status := s.Run(ctx); status != 0 {
		t.Error(status)
	}
	s.Run(ctx) // an ended context does not reach the listeners
	if strings.Contains(lines.String(), "listening on") {
		t.Error(lines)
	}
}

var ports = regexp.MustCompile(`listening on (?:random|fixed) port at (\d+)(?: for (HTTPS?|LSP))?`)

func TestListenersOpenInTheOrderAskedFor(t *testing.T) {
	for order, want := range map[string]string{"https,http,lsp": "HTTPS HTTP LSP", "lsp,http,https": "LSP HTTP HTTPS", "http,https": "HTTP HTTPS"} {
		for _, era := range eras {
			r := launch(t, era, func(k *Knobs) { k.FDOrder = order }, "--enable_lsp")
			var got []string
			for _, m := range ports.FindAllStringSubmatch(r.log.String(), -1) {
				got = append(got, m[2])
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s %s: %v", era, order, got)
			}
		}
	}
}

func TestTheLSPPortIsNoHTTP(t *testing.T) {
	r := launch(t, "e3", nil, "--enable_lsp")
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.s.LSPPort))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := `{"jsonrpc":"2.0","id":1,"method":"initialize"}`
	fmt.Fprintf(c, "Content-Length: %d\r\n\r\n%s", len(body), body)
	answer := make([]byte, 16)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "Content-Length: " {
		t.Errorf("%q %v", answer, err)
	}
	if resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", r.s.LSPPort)); err == nil {
		t.Errorf("%v", resp.Status)
	}
}

func TestPersistentModeLeavesAFile(t *testing.T) {
	for stale, remains := range map[bool]bool{false: false, true: true} {
		r := launch(t, "e2", func(k *Knobs) { k.StaleFile = stale }, "--persistent_mode", "--workspace_id", "file_srv_u_proj")
		path := DiscoveryFile(r.s.dataDir, "file_srv_u_proj")
		if !strings.HasSuffix(path, "/antigravity/daemon/ls_"+filepath.Base(path)[3:19]+".json") {
			t.Error(path)
		}
		d, err := ReadDiscovery(path)
		if err != nil || d.PID != os.Getpid() || d.HTTPSPort != r.s.HTTPSPort || d.HTTPPort != r.s.HTTPPort || d.CSRFToken != "tok" || d.LSVersion != "1.21.6" {
			t.Errorf("%+v %v", d, err)
		}
		log, err := os.ReadFile(strings.TrimSuffix(path, ".json") + ".log")
		if err != nil || !strings.Contains(string(log), "initialized server successfully") || string(log) != r.log.String() {
			t.Errorf("%s %v", log, err)
		}
		r.stop()
		r.wait("the end")
		if _, err := os.Stat(path); (err == nil) != remains {
			t.Errorf("stale %v: %v", stale, err)
		}
	}
	if filepath.Base(DiscoveryFile("/x", "")) != "ls_e3b0c44298fc1c14.json" {
		t.Error(DiscoveryFile("/x", ""))
	}
}

func TestCertificates(t *testing.T) {
	for kind, good := range map[string]bool{"good": true, "expired": false, "no-san": false, "wrong-name": false} {
		r := launch(t, "e2", func(k *Knobs) { k.Cert = kind })
		c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		state := c.ConnectionState()
		c.Close()
		pool := x509.NewCertPool()
		pool.AddCert(state.PeerCertificates[0])
		_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: "localhost", Roots: pool})
		if (err == nil) != good || state.NegotiatedProtocol != "h2" {
			t.Errorf("%s: %v, %s", kind, err, state.NegotiatedProtocol)
		}
	}
}

func TestField34IsRecordedAndMayHaveAnEffect(t *testing.T) {
	seen := make(chan string, 8)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.URL.String() }))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", proxy.URL)
	plain := metadata
	metadata = pb.AppendVarint(append([]byte(nil), metadata...), 34, 1)
	defer func() { metadata = plain }()
	for _, c := range []struct {
		field34, proxy string
		aux, model     bool
	}{{"recorded", "off", false, false}, {"effective", "off", true, false}, {"recorded", "all", true, true}} {
		s, _, _ := build(t, "e2", func(k *Knobs) { k.Field34, k.Proxy = c.field34, c.proxy })
		if s.metadata["field_34"] != "1" {
			t.Errorf("%v", s.metadata)
		}
		for client, want := range map[*http.Client]bool{s.auxiliary: c.aux, s.upstream: c.model} {
			resp, err := client.Get("http://nowhere.invalid/")
			if err == nil {
				resp.Body.Close()
			}
			if (err == nil) != want || (want && <-seen == "") {
				t.Errorf("%+v: %v", c, err)
			}
		}
	}
}

func TestTheHubNeedsNeitherMetadataNorExtension(t *testing.T) {
	k := setting(t, "e3", nil)
	f, set := newFlags("ls", k, 0)
	if err := set.Parse([]string{"--standalone", "--subclient_type", "hub", "--csrf_token", "tok", "--override_ide_version", "2.3.4",
		"--gemini_dir", t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	s, err := New("language_server", *f, k, strings.NewReader(""), io.Discard)
	if err != nil || s.metadata["ide_version"] != "2.3.4" {
		t.Fatalf("%v %v", err, s)
	}
	f.Standalone = false
	if _, err := New("language_server", *f, k, strings.NewReader(""), io.Discard); err == nil {
		t.Error("empty stdin was taken")
	}
	r := launch(t, "e3", nil, "--standalone", "--subclient_type", "hub")
	resp, err := web.Get(r.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	if !strings.Contains(string(page), `window.__APP_CONFIG__ = {"csrfToken":"tok"}`) {
		t.Errorf("%s", page)
	}
	r = launch(t, "e3", nil)
	if resp, err := web.Get(r.url + "/"); err != nil || resp.StatusCode != 404 {
		t.Errorf("%v %v", resp, err)
	}
}

func TestLoginByTheKeysOfTheEra(t *testing.T) {
	row := pb.AppendString(nil, 1, "CgVmYWtlIQ==") // OAuthTokenInfo{access_token: "fake!"}
	for _, c := range []struct {
		era, key string
		login    bool
	}{{"e1", oauthKey, true}, {"e1", oauthNewKey, false}, {"e3", oauthNewKey, true}, {"e3", oauthKey, true}} {
		s, _, _ := build(t, c.era, nil)
		s.initialState(pb.AppendBytes(nil, 1, pb.AppendBytes(pb.AppendString(nil, 1, c.key), 2, row)))
		if (s.loggedIn() == "fake!") != c.login {
			t.Errorf("%+v: %q", c, s.loggedIn())
		}
	}
}
