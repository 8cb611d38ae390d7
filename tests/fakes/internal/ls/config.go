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

// Knobs are the switches of ls-protocol section 7. Each is an environment variable FAKE_LS_<NAME> or a
// key of fake-ls.json next to the binary, which wins where both are given, since a supervisor may
// clean the environment. Lists are separated by commas or plus signs. README.md says what each does.
type Knobs struct {
	Era string `json:"era"` // e1 | e2 | e3; sets the defaults of those marked "era"

	Seg2           string `json:"seg2"`             // U1: cascade | random | parent
	RequestIDForm  string `json:"request_id_form"`  // U2: slash | agent-uuid | none
	Labels         bool   `json:"labels"`           // U3
	LabelNames     string `json:"label_names"`      // U3
	ConversationID bool   `json:"conversation_id"`  // U4: line in the system prompt
	BrainPath      bool   `json:"brain_path"`       // U4: artifacts directory in the system prompt
	CopyResponseID bool   `json:"copy_response_id"` // U5
	Framing        string `json:"framing"`          // U6: chunked | length
	AuxBody        string `json:"aux_body"`         // U7: json | protobuf
	WrongToken     int    `json:"wrong_token"`      // U8: status for a wrong token
	HTTPPort       bool   `json:"http_port"`        // U9: is there a cleartext port
	HTTPParity     bool   `json:"http_parity"`      // U9: with all methods
	CSRFTokens     int    `json:"csrf_tokens"`      // U10: era
	PortFlags      string `json:"port_flags"`       // U11: era; server | https
	Reactive       string `json:"reactive"`         // U12: era; full | disabled | unimplemented
	AgentStream    bool   `json:"agent_stream"`     // U13: era
	FrameMS        int    `json:"frame_ms"`         // U13: least time between two frames
	PanelState     string `json:"panel_state"`      // U14: era; ok | 501
	UserSettings   string `json:"user_settings"`    // U15: era; ok | 501
	Field34        string `json:"field34"`          // U16: recorded | effective
	EmptyStdinOK   bool   `json:"empty_stdin_ok"`   // U17
	ParentMissing  string `json:"parent_missing"`   // U18: run | exit | unbound
	ParentEOF      string `json:"parent_eof"`       // U18: exit | run

	StandaloneExits bool   `json:"standalone_exits"`  // U19
	Trajectory      string `json:"trajectory"`        // U20: full | partial
	StepsLag        int    `json:"steps_lag"`         // U20: steps that GetCascadeTrajectorySteps is behind
	StepsLagMS      int    `json:"steps_lag_ms"`      // U20: age a step must have to be shown there
	PreMS           int    `json:"pre_ms"`            // U21: IDLE before the run starts
	PostMS          int    `json:"post_ms"`           // U21: IDLE before the last text
	GeneratingName  string `json:"generating"`        // U22: GENERATING | RUNNING
	Queue           string `json:"queue"`             // U23: sequential | merged | manual
	Retries         int    `json:"retries"`           // U24
	RetryMS         int    `json:"retry_ms"`          // U24: first delay; doubles
	ErrorShape      string `json:"error_shape"`       // U24: both | message | stop
	Blocking        bool   `json:"blocking"`          // U25
	PropagateError  bool   `json:"propagate_error"`   // U25
	CancelStatus    string `json:"cancel_status"`     // U26
	CancelText      bool   `json:"cancel_text"`       // U26: the text so far stays
	LoggedOut       string `json:"logged_out"`        // U27: 500 | hang
	UnknownModel    string `json:"unknown_model"`     // U28: drop | error
	OAuthKeys       string `json:"oauth_keys"`        // U29: era; rows that mean a login
	WaitForLogin    bool   `json:"wait_for_login"`    // U29: serves nothing before it
	HeartbeatExitMS int    `json:"heartbeat_exit_ms"` // U30: 0 for no effect
	VisibleAfterMS  int    `json:"visible_after_ms"`  // U31
	StepsCap        int    `json:"steps_cap"`         // U32
	OmitZero        bool   `json:"omit_zero"`         // U33
	Cert            string `json:"cert"`              // U34: good | expired | no-san | wrong-name
	Interactions    string `json:"interactions"`      // U35: any | strict
	ThirdParty      string `json:"third_party"`       // U36: 404 | ok
	Proxy           string `json:"proxy"`             // U37: off | aux | all obey HTTPS_PROXY
	DirectCalls     bool   `json:"direct_calls"`      // U38
	Compress        bool   `json:"compress"`          // U39
	FDOrder         string `json:"fd_order"`          // U40
	Die             string `json:"die"`               // U41: off | kill | exit | reset | half, in every turn
	DieAfter        int    `json:"die_after"`         // U41: events of the model before it

	StartExit     int    `json:"start_exit"`     // exit status instead of a start, -1 for none
	Missing       string `json:"missing"`        // methods that are not there
	MissingStatus int    `json:"missing_status"` // 404 | 501
	Fail          string `json:"fail"`           // METHOD=STATUS|hang|reset|half[*TIMES]
	Quota         string `json:"quota"`          // MODEL=FRACTION; 0.8 for the others
	QuotaAnswers  string `json:"quota_answers"`  // real | placeholder | none
	QuotaReset    string `json:"quota_reset"`
	QuotaSummary  string `json:"quota_summary"` // auto | on | off
	QuotaBuckets  string `json:"quota_buckets"` // BUCKET=FRACTION
	QuotaNested   bool   `json:"quota_nested"`  // remaining.remainingFraction
	QuotaTokens   int    `json:"quota_tokens"`  // that a whole quota is good for, 0: nothing uses it up
	RetryInfos    bool   `json:"retry_infos"`   // era: every attempt in chatModel.retryInfos
	OwnLogin      bool   `json:"own_login"`     // era: logged in without an extension server
	HubPage       bool   `json:"hub_page"`      // the hub's / gives its token away
	Multicall     int    `json:"multicall"`     // children of the hub that are no servers
	AgyToken      bool   `json:"agy_token"`     // agy wants a token
	AgyRun        string `json:"agy_run"`       // command that agy runs with its address and token
	LSVersion     string `json:"ls_version"`    // era: of the discovery file
	StaleFile     bool   `json:"stale_file"`    // the discovery file stays behind
	StreamEnds    string `json:"stream_ends"`   // never | turn
	LogText       bool   `json:"log_text"`      // a log line when a step gets its first text

	Aux          bool     `json:"aux"`        // loadCodeAssist, metrics, Unleash, token refresh
	Upstream     bool     `json:"upstream"`   // false: no call leaves, turns end in an error
	Checkpoint   bool     `json:"checkpoint"` // a checkpoint request after each first turn
	HoldFile     string   `json:"hold_file"`  // an answered turn is not over while this file is there
	ALPN         string   `json:"alpn"`       // none | http/1.1 | h2,http/1.1
	Resolve      dial.Map `json:"resolve"`    // name=ip[:port] for upstream connections
	UnleashURL   string   `json:"unleash_url"`
	TokenURL     string   `json:"token_url"`
	TLSCert      string   `json:"tls_cert"` // PEM files of the HTTPS port; made at start when empty
	TLSKey       string   `json:"tls_key"`
	StartDelayMS int      `json:"start_delay_ms"`
}

const (
	oauthKey    = "oauthTokenInfoSentinelKey"
	oauthNewKey = "authStateWithContextSentinelKey"
)

// DefaultKnobs returns the defaults of an era.
func DefaultKnobs(era string) (Knobs, error) {
	k := Knobs{Era: era, Seg2: "cascade", RequestIDForm: "slash", Labels: true, ConversationID: true,
		LabelNames: "trajectory_id,last_step_index,model_enum,used_claude,used_claude_conservative,last_execution_id",
		BrainPath:  true, CopyResponseID: true, Framing: "chunked", AuxBody: "json", WrongToken: 401, HTTPPort: true, HTTPParity: true,
		CSRFTokens: 1, PortFlags: "server", Reactive: "full", PanelState: "ok", UserSettings: "ok",
		Field34: "recorded", ParentMissing: "run", ParentEOF: "exit", Trajectory: "full", PreMS: 50, PostMS: 300,
		GeneratingName: "GENERATING", Queue: "sequential", Retries: 2, RetryMS: 1000, ErrorShape: "both",
		CancelStatus: "CANCELED", CancelText: true, LoggedOut: "500", UnknownModel: "drop", OAuthKeys: oauthKey,
		StepsCap: 600, OmitZero: true, Cert: "good", Interactions: "any", ThirdParty: "404", Proxy: "off",
		FDOrder: "https,http,lsp", Die: "off", StartExit: -1, MissingStatus: 404, QuotaAnswers: "real",
		QuotaReset: "2026-12-01T00:00:00Z", QuotaSummary: "auto", HubPage: true, AgyToken: true, StreamEnds: "never",
		QuotaBuckets: "gemini-5h=0.75,gemini-weekly=0.9,3p-5h=0.5,3p-weekly=0", LSVersion: "1.18.3",
		Aux: true, Upstream: true, ALPN: "h2,http/1.1", Resolve: dial.Map{},
		UnleashURL: "https://antigravity-unleash.goog/api/client/features",
		TokenURL:   "https://oauth2.googleapis.com/token"}
	switch era {
	case "e1":
		return k, nil
	case "e2":
		k.LSVersion = "1.21.6"
	case "e3":
		k.LSVersion, k.PortFlags, k.UserSettings, k.OwnLogin = "2.1.1", "https", "501", true
		k.OAuthKeys = oauthKey + "," + oauthNewKey
	default:
		return k, fmt.Errorf("unknown era %q; known: e1 e2 e3", era)
	}
	k.CSRFTokens, k.Reactive, k.AgentStream, k.PanelState, k.RetryInfos = 2, "disabled", true, "501", true
	return k, nil
}

// choices of the knobs whose value is a word.
var choices = map[string]string{"seg2": "cascade random parent", "request_id_form": "slash agent-uuid none",
	"framing": "chunked length", "aux_body": "json protobuf", "port_flags": "server https",
	"reactive": "full disabled unimplemented", "panel_state": "ok 501", "user_settings": "ok 501",
	"field34": "recorded effective", "parent_missing": "run exit unbound", "parent_eof": "exit run",
	"trajectory": "full partial", "queue": "sequential merged manual", "error_shape": "both message stop",
	"logged_out": "500 hang", "unknown_model": "drop error", "cert": "good expired no-san wrong-name",
	"interactions": "any strict", "third_party": "404 ok", "proxy": "off aux all",
	"die": "off kill exit reset half", "quota_answers": "real placeholder none", "quota_summary": "auto on off",
	"stream_ends": "never turn", "generating": "GENERATING RUNNING"}

// LoadKnobs reads the environment, then the file next to the binary.
func LoadKnobs(binary string, environ []string) (Knobs, error) {
	path := filepath.Join(filepath.Dir(binary), "fake-ls.json")
	file, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return Knobs{}, err
	}
	k, err := DefaultKnobs(eraOf(file, environ))
	if err != nil {
		return k, err
	}
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
		if err := setKnob(field, text); err != nil {
			return k, fmt.Errorf("%s: %v", key, err)
		}
	}
	if file != nil {
		era := k.Era
		d := json.NewDecoder(strings.NewReader(string(file)))
		d.DisallowUnknownFields()
		if err := d.Decode(&k); err != nil {
			return k, fmt.Errorf("%s: %v", path, err)
		}
		if k.Era == "" {
			k.Era = era
		}
	}
	return k, k.check()
}

// eraOf looks for the era first, since the defaults depend on it.
func eraOf(file []byte, environ []string) string {
	era := "e1"
	for _, item := range environ {
		if key, text, _ := strings.Cut(item, "="); key == "FAKE_LS_ERA" {
			era = text
		}
	}
	var own struct{ Era string }
	if json.Unmarshal(file, &own) == nil && own.Era != "" {
		era = own.Era
	}
	return era
}

func setKnob(field reflect.Value, text string) (err error) {
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
	return err
}

func (k *Knobs) check() error {
	v := reflect.ValueOf(k).Elem()
	for i := 0; i < v.NumField(); i++ {
		name := v.Type().Field(i).Tag.Get("json")
		if allowed := choices[name]; allowed != "" && !contains(strings.Fields(allowed), v.Field(i).String()) {
			return fmt.Errorf("knob %s=%q; known: %s", name, v.Field(i).String(), allowed)
		}
	}
	for _, role := range list(k.FDOrder) {
		if !contains([]string{"https", "http", "lsp"}, role) {
			return fmt.Errorf("knob fd_order: unknown listener %q", role)
		}
	}
	if _, err := time.Parse(time.RFC3339, k.QuotaReset); err != nil {
		return fmt.Errorf("knob quota_reset: %v", err)
	}
	if _, err := fractions(k.Quota); err != nil {
		return fmt.Errorf("knob quota: %v", err)
	}
	if _, err := fractions(k.QuotaBuckets); err != nil {
		return fmt.Errorf("knob quota_buckets: %v", err)
	}
	_, err := newFaults(k.Fail)
	return err
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

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '+' })
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}
