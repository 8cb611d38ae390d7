package ls

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEachEraHasItsFlags(t *testing.T) {
	for _, c := range []struct{ era, ports, has, not string }{
		{"e1", "server", "csrf_token random_port server_port lsp_port enable_lsp parent_pipe_path workspace_id",
			"extension_server_csrf_token persistent_mode https_server_port http_server_port subclient_type"},
		{"e2", "server", "extension_server_csrf_token persistent_mode random_port server_port",
			"https_server_port http_server_port subclient_type"},
		{"e2", "https", "https_server_port random_port persistent_mode", "server_port http_server_port"},
		{"e3", "https", "https_server_port http_server_port subclient_type override_ide_version enable_sidecars standalone persistent_mode",
			"server_port random_port"},
	} {
		known := knownFlags(setting(t, c.era, func(k *Knobs) { k.PortFlags = c.ports }))
		for _, name := range strings.Fields(c.has) {
			if !known[name] {
				t.Errorf("%s/%s does not know --%s", c.era, c.ports, name)
			}
		}
		for _, name := range strings.Fields(c.not) {
			if known[name] {
				t.Errorf("%s/%s knows --%s", c.era, c.ports, name)
			}
			_, set := newFlags("ls", setting(t, c.era, func(k *Knobs) { k.PortFlags = c.ports }), flag.ContinueOnError)
			set.SetOutput(io.Discard)
			if set.Parse([]string{"--" + name}) == nil {
				t.Errorf("%s/%s takes --%s", c.era, c.ports, name)
			}
		}
	}
}

func TestADetachedBoolEndsTheFlags(t *testing.T) {
	f, set := newFlags("ls", setting(t, "e1", nil), flag.ContinueOnError)
	if err := set.Parse([]string{"--random_port", "true", "--csrf_token", "lost"}); err != nil || f.CSRF != "" || !f.RandomPort {
		t.Fatalf("%+v %v", f, err)
	}
}

func TestKnobsComeFromEnvironmentAndFile(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "language_server")
	k, err := LoadKnobs(binary, []string{"HOME=/x", "FAKE_LS_HTTP_PORT=off", "FAKE_LS_PRE_MS=7", "FAKE_LS_MISSING=A+B"})
	if err != nil || k.Era != "e1" || k.HTTPPort || k.PreMS != 7 || len(list(k.Missing)) != 2 || k.CSRFTokens != 1 {
		t.Fatalf("%+v %v", k, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "fake-ls.json"), []byte(`{"era":"e2","pre_ms":9,"retries":0}`), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err = LoadKnobs(binary, []string{"FAKE_LS_ERA=e3", "FAKE_LS_PRE_MS=7", "FAKE_LS_REACTIVE=full"})
	if err != nil || k.Era != "e2" || k.PreMS != 9 || k.CSRFTokens != 2 || k.Reactive != "full" || k.PortFlags != "server" {
		t.Fatalf("%+v %v", k, err)
	}
}

func TestKnobsThatCannotBeAreRefused(t *testing.T) {
	for _, item := range []string{"FAKE_LS_NO_SUCH=1", "FAKE_LS_ERA=e4", "FAKE_LS_SEG2=none", "FAKE_LS_RETRIES=few",
		"FAKE_LS_FD_ORDER=https,smtp", "FAKE_LS_QUOTA=M=2", "FAKE_LS_FAIL=Heartbeat=200", "FAKE_LS_FAIL=Heartbeat",
		"FAKE_LS_QUOTA_RESET=soon", "FAKE_LS_HTTP_PORT=perhaps", "FAKE_LS_QUOTA_BUCKETS=x"} {
		if _, err := LoadKnobs("/nowhere/ls", []string{item}); err == nil {
			t.Errorf("%s was taken", item)
		}
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "fake-ls.json"), []byte(`{"no_such":1}`), 0o600)
	if _, err := LoadKnobs(filepath.Join(dir, "ls"), nil); err == nil {
		t.Error("an unknown key was taken")
	}
}

// Today's first era is what existing tests stand on.
func TestTheDefaultsOfTheFirstEraStay(t *testing.T) {
	k, _ := DefaultKnobs("e1")
	if k.PreMS != 50 || k.PostMS != 300 || k.Retries != 2 || k.RetryMS != 1000 || k.StepsCap != 600 || k.WrongToken != 401 ||
		k.Checkpoint || k.EmptyStdinOK || k.StandaloneExits || k.AgentStream || k.OwnLogin || k.RetryInfos || k.Compress ||
		k.Framing != "chunked" || k.ALPN != "h2,http/1.1" || k.GeneratingName != "GENERATING" || !k.Aux || !k.Upstream {
		t.Fatalf("%+v", k)
	}
}
