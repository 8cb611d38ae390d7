package ls

import (
	"encoding/json"
	"strings"

	"antigravity-proxy/fakes/internal/schema"
)

type model struct{ enum, label, upstream, provider string }

// catalogues are those of ls-protocol section 4; which slot means what differs from era to era.
var catalogues = map[string][]model{
	"e1": {
		{"MODEL_PLACEHOLDER_M18", "Gemini 3 Flash", "gemini-3-flash", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M8", "Gemini 3 Pro (High)", "gemini-3-pro-high", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M7", "Gemini 3 Pro (Low)", "gemini-3-pro-low", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M26", "Claude Opus 4.6 (Thinking)", "claude-opus-4-6-thinking", "ANTHROPIC"},
		{"MODEL_CLAUDE_4_5_SONNET", "Claude Sonnet 4.5", "claude-sonnet-4-5", "ANTHROPIC"},
		{"MODEL_OPENAI_GPT_OSS_120B_MEDIUM", "GPT-OSS 120B (Medium)", "gpt-oss-120b-medium", "OPENAI"},
	},
	"e2": {
		{"MODEL_PLACEHOLDER_M18", "Gemini 3 Flash", "gemini-3-flash", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M37", "Gemini 3.1 Pro (High)", "gemini-3.1-pro-high", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M36", "Gemini 3.1 Pro (Low)", "gemini-3.1-pro-low", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M26", "Claude Opus 4.6 (Thinking)", "claude-opus-4-6-thinking", "ANTHROPIC"},
		{"MODEL_PLACEHOLDER_M35", "Claude Sonnet 4.6 (Thinking)", "claude-sonnet-4-6-thinking", "ANTHROPIC"},
		{"MODEL_OPENAI_GPT_OSS_120B_MEDIUM", "GPT-OSS 120B (Medium)", "gpt-oss-120b-medium", "OPENAI"},
	},
	"e3": {
		{"MODEL_PLACEHOLDER_M18", "Gemini 3 Flash", "gemini-3-flash", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M71", "Gemini 3.6 Flash (High)", "gemini-3.6-flash-high", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M16", "Gemini 3.1 Pro (High)", "gemini-pro-agent", "GOOGLE"},
		{"MODEL_PLACEHOLDER_M26", "Claude Opus 4.6 (Thinking)", "claude-opus-4-6-thinking", "ANTHROPIC"},
		{"MODEL_PLACEHOLDER_M35", "Claude Sonnet 4.6 (Thinking)", "claude-sonnet-4-6-thinking", "ANTHROPIC"},
		{"MODEL_OPENAI_GPT_OSS_120B_MEDIUM", "GPT-OSS 120B (Medium)", "gpt-oss-120b-medium", "OPENAI"},
	},
}

func (s *Server) models() []model { return catalogues[s.knobs.Era] }

// findModel takes a name or a number, as proto3 JSON does for enums.
func (s *Server) findModel(raw json.RawMessage) (model, bool) {
	var name string
	if json.Unmarshal(raw, &name) != nil {
		var number uint64
		if json.Unmarshal(raw, &number) != nil {
			return model{}, false
		}
		name = schema.ModelName(number)
	}
	for _, m := range s.models() {
		if m.enum == name {
			return m, true
		}
	}
	return model{}, false
}

func (m model) thirdParty() bool { return !strings.HasPrefix(m.upstream, "gemini") }
