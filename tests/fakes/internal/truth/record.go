// Package truth invents model calls from a seed, makes them through the proxy, and knows what must
// be recorded of each. What it knows is worked out from the specification of the record, by means
// that the product does not use: whole bodies, JSON trees, exact rational numbers.
package truth

// Usage is the usage object of a record; a nil pointer or map stands for null.
type Usage struct {
	InputTotal       uint64            `json:"input_total"`
	InputUncached    uint64            `json:"input_uncached"`
	CachedInput      uint64            `json:"cached_input"`
	CacheWrite       uint64            `json:"cache_write"`
	CacheWriteByTTL  map[string]uint64 `json:"cache_write_by_ttl"`
	ToolUsePrompt    uint64            `json:"tool_use_prompt"`
	OutputTotal      uint64            `json:"output_total"`
	Reasoning        *uint64           `json:"reasoning"`
	Total            uint64            `json:"total"`
	ReportedTotal    *uint64           `json:"reported_total"`
	InputByModality  map[string]uint64 `json:"input_by_modality"`
	OutputByModality map[string]uint64 `json:"output_by_modality"`
	CachedByModality map[string]uint64 `json:"cached_by_modality"`
}

// CallError is what a record says of an error.
type CallError struct {
	Type string `json:"type"`
	Code string `json:"code"`
}

// Modifiers change the price of a call.
type Modifiers struct {
	Speed        *string `json:"speed"`
	InferenceGeo *string `json:"inference_geo"`
}

// Additional is usage that is billed outside of a call's own numbers.
type Additional struct {
	Kind  string  `json:"kind"`
	Model *string `json:"model"`
	Usage Usage   `json:"usage"`
}

// Record is what must be recorded of one call, under the names of GET /v1/usage/records.
type Record struct {
	Host             string            `json:"host"`
	Path             string            `json:"path"`
	Protocol         string            `json:"protocol"`
	LocalUID         int               `json:"local_uid"`
	Instance         string            `json:"instance"`
	RequestKind      string            `json:"request_kind"`
	CascadeID        *string           `json:"cascade_id"`
	CascadeSource    string            `json:"cascade_source"`
	CascadeEvidence  *string           `json:"cascade_evidence"`
	CascadeConfirmed bool              `json:"cascade_confirmed"`
	TrajectoryID     *string           `json:"trajectory_id"`
	StepIndex        *uint64           `json:"step_index"`
	BytesIn          uint64            `json:"bytes_in"`
	BytesOut         uint64            `json:"bytes_out"`
	Provider         string            `json:"provider"`
	API              string            `json:"api"`
	HTTPStatus       *int              `json:"http_status"`
	Stream           bool              `json:"stream"`
	Model            *string           `json:"model"`
	ModelSource      *string           `json:"model_source"`
	ResponseID       *string           `json:"response_id"`
	RequestID        *string           `json:"request_id"`
	TraceID          *string           `json:"trace_id"`
	Outcome          string            `json:"outcome"`
	Finish           *string           `json:"finish"`
	FinishRaw        *string           `json:"finish_raw"`
	UsageState       string            `json:"usage_state"`
	Usage            *Usage            `json:"usage"`
	ServiceTier      *string           `json:"service_tier"`
	ToolCalls        []string          `json:"tool_calls"`
	ServerTools      map[string]uint64 `json:"server_tools"`
	Modifiers        Modifiers         `json:"modifiers"`
	Credits          *uint64           `json:"credits_consumed"`
	AdditionalUsage  []Additional      `json:"additional_usage"`
	Reported         map[string]uint64 `json:"reported"`
	Error            *CallError        `json:"error"`
	ClosedBy         *string           `json:"closed_by"`
	Flags            []string          `json:"flags"`
}

func pointer[T any](v T) *T { return &v }
