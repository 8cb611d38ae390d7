package ls

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"antigravity-proxy/fakes/internal/dial"
)

// Knobs are the switches of ls-protocol section 7 that the first era needs, with its defaults. Each
// is an environment variable FAKE_LS_<NAME> or a key of fake-ls.json next to the binary, which wins
// where both are given, since a supervisor may clean the environment.
type Knobs struct {
	Seg2            string   `json:"seg2"`             // U1: cascade | random
	RequestIDForm   string   `json:"request_id_form"`  // U2: slash | agent-uuid | none
	Labels          bool     `json:"labels"`           // U3
	ConversationID  bool     `json:"conversation_id"`  // U4: line in the system prompt
	BrainPath       bool     `json:"brain_path"`       // U4: artifacts directory in the system prompt
	CopyResponseID  bool     `json:"copy_response_id"` // U5
	Framing         string   `json:"framing"`          // U6: chunked | length
	WrongToken      int      `json:"wrong_token"`      // U8: status for a wrong token
	HTTPPort        bool     `json:"http_port"`        // U9: is there a cleartext port
	EmptyStdinOK    bool     `json:"empty_stdin_ok"`   // U17
	StandaloneExits bool     `json:"standalone_exits"` // U19
	PreMS           int      `json:"pre_ms"`           // U21: IDLE before the run starts
	PostMS          int      `json:"post_ms"`          // U21: IDLE before the last text
	GeneratingName  string   `json:"generating"`       // U22: GENERATING | RUNNING
	Retries         int      `json:"retries"`          // U24
	RetryMS         int      `json:"retry_ms"`         // U24: first delay; doubles
	LoggedOut       string   `json:"logged_out"`       // U27: 500 | hang
	UnknownModel    string   `json:"unknown_model"`    // U28: drop | error
	VisibleAfterMS  int      `json:"visible_after_ms"` // U31
	StepsCap        int      `json:"steps_cap"`        // U32
	Aux             bool     `json:"aux"`              // loadCodeAssist, metrics, Unleash, token refresh
	Upstream        bool     `json:"upstream"`         // false: no call leaves, turns end in an error
	Checkpoint      bool     `json:"checkpoint"`       // a checkpoint request after each first turn
	HoldFile        string   `json:"hold_file"`        // an answered turn is not over while this file is there
	ALPN            string   `json:"alpn"`             // none | http/1.1 | h2,http/1.1
	Resolve         dial.Map `json:"resolve"`          // name=ip[:port] for upstream connections
	UnleashURL      string   `json:"unleash_url"`
	TokenURL        string   `json:"token_url"`
	TLSCert         string   `json:"tls_cert"` // PEM files of the HTTPS port; made at start when empty
	TLSKey          string   `json:"tls_key"`
	StartDelayMS    int      `json:"start_delay_ms"`
}

// DefaultKnobs returns the defaults.
func DefaultKnobs() Knobs {
	return Knobs{Seg2: "cascade", RequestIDForm: "slash", Labels: true, ConversationID: true,
		BrainPath: true, CopyResponseID: true, Framing: "chunked", WrongToken: 401, HTTPPort: true, PreMS: 50, PostMS: 300,
		GeneratingName: "GENERATING", Retries: 2, RetryMS: 1000, LoggedOut: "500", UnknownModel: "drop",
		StepsCap: 600, Aux: true, Upstream: true, ALPN: "h2,http/1.1", Resolve: dial.Map{},
		UnleashURL: "https://antigravity-unleash.goog/api/client/features",
		TokenURL:   "https://oauth2.googleapis.com/token"}
}

// LoadKnobs reads the environment, then the file next to the binary.
func LoadKnobs(binary string, environ []string) (Knobs, error) {
	k := DefaultKnobs()
	v := reflect.ValueOf(&k).Elem()
	fields := map[string]reflect.Value{}
	for i := 0; i < v.NumField(); i++ {
		fields["FAKE_LS_"+strings.ToUpper(v.Type().Field(i).Tag.Get("json"))] = v.Field(i)
	}
	for _, item := range environ {
		key, text, _ := strings.Cut(item, "=")
		if !strings.HasPrefix(key, "FAKE_LS_") {
			continue
		}
		field, ok := fields[key]
		if !ok {
			return k, fmt.Errorf("unknown knob %s", key)
		}
		var err error
		switch to := field.Addr().Interface().(type) {
		case *string:
			*to = text
		case *int:
			*to, err = strconv.Atoi(text)
		case *bool:
			*to, err = parseBool(text)
		case *dial.Map:
			err = to.Set(text)
		}
		if err != nil {
			return k, fmt.Errorf("%s: %v", key, err)
		}
	}
	path := filepath.Join(filepath.Dir(binary), "fake-ls.json")
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return k, nil
	}
	if err == nil {
		d := json.NewDecoder(strings.NewReader(string(data)))
		d.DisallowUnknownFields()
		err = d.Decode(&k)
	}
	if err != nil {
		return k, fmt.Errorf("%s: %v", path, err)
	}
	return k, nil
}

func parseBool(text string) (bool, error) {
	switch text {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return strconv.ParseBool(text)
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

type model struct{ enum, label, upstream string }

// models is the catalogue of ls-protocol section 4 as of the first era.
var models = []model{
	{"MODEL_PLACEHOLDER_M18", "Gemini 3 Flash", "gemini-3-flash"},
	{"MODEL_PLACEHOLDER_M8", "Gemini 3 Pro (High)", "gemini-3-pro-high"},
	{"MODEL_PLACEHOLDER_M7", "Gemini 3 Pro (Low)", "gemini-3-pro-low"},
	{"MODEL_PLACEHOLDER_M26", "Claude Opus 4.6 (Thinking)", "claude-opus-4-6-thinking"},
	{"MODEL_CLAUDE_4_5_SONNET", "Claude Sonnet 4.5", "claude-sonnet-4-5"},
	{"MODEL_OPENAI_GPT_OSS_120B_MEDIUM", "GPT-OSS 120B (Medium)", "gpt-oss-120b-medium"},
}

var enumNumbers = map[int64]string{333: "MODEL_CLAUDE_4_5_SONNET", 342: "MODEL_OPENAI_GPT_OSS_120B_MEDIUM"}

// findModel takes a name or a number, as proto3 JSON does for enums.
func findModel(raw json.RawMessage) (model, bool) {
	var name string
	if json.Unmarshal(raw, &name) != nil {
		var number int64
		if json.Unmarshal(raw, &number) != nil {
			return model{}, false
		}
		if name = enumNumbers[number]; name == "" {
			name = fmt.Sprintf("MODEL_PLACEHOLDER_M%d", number-1000)
		}
	}
	for _, m := range models {
		if m.enum == name {
			return m, true
		}
	}
	return model{}, false
}
