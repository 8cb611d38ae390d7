package ls

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"antigravity-proxy/fakes/internal/pb"
)

var metadataNames = map[int]string{1: "ide_name", 2: "extension_version", 3: "api_key", 4: "locale", 5: "os",
	6: "disable_telemetry", 7: "ide_version", 8: "hardware", 10: "session_id", 12: "extension_name",
	17: "extension_path", 24: "device_fingerprint", 25: "trigger_id", 27: "id", 29: "user_tier_id",
	30: "region_code", 34: "field_34"}

// record keeps what came on stdin, for the test to read; of a key only the length.
func (s *Server) record(fields []pb.Field, size int) error {
	s.metadata = map[string]string{}
	for _, f := range fields {
		name := metadataNames[f.Num]
		if name == "" {
			name = fmt.Sprintf("field_%d", f.Num)
		}
		value := string(f.Bytes)
		if f.Wire != 2 {
			value = fmt.Sprint(f.Number)
		}
		if f.Num == 3 {
			value = fmt.Sprintf("(%d bytes)", len(f.Bytes))
		}
		s.metadata[name] = value
	}
	if s.flags.OverrideVersion != "" { // the hub's, instead of metadata
		s.metadata["ide_version"] = s.flags.OverrideVersion
	}
	if s.flags.OverrideName != "" {
		s.metadata["ide_name"] = s.flags.OverrideName
	}
	out, err := json.MarshalIndent(map[string]any{"size": size, "metadata": s.metadata, "args": os.Args,
		"pid": os.Getpid(), "uid": os.Getuid()}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dataDir, "fake_ls_start.json"), out, 0o600)
}
