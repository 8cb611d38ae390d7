package ls

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
)

// Discovery is what persistent mode leaves for clients to find (ls-protocol 1.8).
type Discovery struct {
	PID       int    `json:"pid"`
	HTTPSPort int    `json:"httpsPort"`
	HTTPPort  int    `json:"httpPort"`
	LSPPort   int    `json:"lspPort"`
	CSRFToken string `json:"csrfToken"`
	LSVersion string `json:"lsVersion"`
}

// DiscoveryFile is the path of that file; the log beside it ends in .log instead of .json.
func DiscoveryFile(dataDir, workspaceID string) string {
	sum := sha256.Sum256([]byte(workspaceID))
	return filepath.Join(dataDir, "daemon", "ls_"+hex.EncodeToString(sum[:])[:16]+".json")
}

// ReadDiscovery reads such a file.
func ReadDiscovery(path string) (Discovery, error) {
	var d Discovery
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	return d, err
}

// openLog has everything that goes to stderr also go into the log of persistent mode.
func (s *Server) openLog() error {
	path := DiscoveryFile(s.dataDir, s.flags.WorkspaceID)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path[:len(path)-len(".json")]+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.log = both{f, s.log}
	return nil
}

// both writes to a file and, as long as that works, to stderr, whose reader may be gone.
type both struct{ file, stderr io.Writer }

func (b both) Write(p []byte) (int, error) {
	b.stderr.Write(p) // the extension need not be there any more
	return b.file.Write(p)
}

// publish writes the discovery file as a whole, so that nobody reads half of it.
func (s *Server) publish() error {
	path := DiscoveryFile(s.dataDir, s.flags.WorkspaceID)
	raw, err := json.Marshal(Discovery{os.Getpid(), s.HTTPSPort, s.HTTPPort, s.LSPPort, s.flags.CSRF, s.knobs.LSVersion})
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// withdraw removes the file when it is still ours.
func (s *Server) withdraw() {
	path := DiscoveryFile(s.dataDir, s.flags.WorkspaceID)
	if d, err := ReadDiscovery(path); err == nil && d.PID == os.Getpid() && !s.knobs.StaleFile {
		os.Remove(path)
	}
}
