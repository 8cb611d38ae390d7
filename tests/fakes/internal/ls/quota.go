package ls

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

type share struct {
	name     string
	fraction float64
}

// fractions reads NAME=FRACTION,…
func fractions(text string) ([]share, error) {
	var out []share
	for _, item := range list(text) {
		name, number, ok := strings.Cut(item, "=")
		f, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || f < 0 || f > 1 {
			return nil, fmt.Errorf("want NAME=0…1, got %q", item)
		}
		out = append(out, share{name, f})
	}
	return out, nil
}

// charge counts what a call used against the quotas.
func (s *Server) charge(m model, tokens int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[m.enum] += tokens
}

// left of a quota that was so full at the start, after what the models in question used.
func (s *Server) left(start float64, counts func(model) bool) float64 {
	if s.knobs.QuotaTokens == 0 {
		return start
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	used := int64(0)
	for _, m := range s.models() {
		if counts(m) {
			used += s.used[m.enum]
		}
	}
	return math.Max(0, start-float64(used)/float64(s.knobs.QuotaTokens))
}

// quotaInfo of a model; nil when the answers have none.
func (s *Server) quotaInfo(m model) object {
	switch s.knobs.QuotaAnswers {
	case "none":
		return nil
	case "placeholder": // everything is full, and nothing says when it ends
		return object{"remainingFraction": 1}
	}
	fraction := 0.8
	shares, _ := fractions(s.knobs.Quota) // checked at start
	for _, share := range shares {
		if share.name == m.enum || share.name == m.upstream {
			fraction = share.fraction
		}
	}
	fraction = s.left(fraction, func(other model) bool { return other.enum == m.enum })
	out := object{"resetTime": s.knobs.QuotaReset}
	if fraction != 0 || !s.knobs.OmitZero { // U33
		out["remainingFraction"] = fraction
	}
	return out
}

func (s *Server) modelConfigs() []object {
	var out []object
	for _, m := range s.models() {
		one := object{"label": m.label, "modelOrAlias": object{"model": m.enum}, "isRecommended": true}
		if s.knobs.Era != "e1" {
			one["provider"] = "MODEL_PROVIDER_" + m.provider
		}
		if quota := s.quotaInfo(m); quota != nil {
			one["quotaInfo"] = quota
		}
		out = append(out, one)
	}
	return out
}

func (s *Server) getUserStatus(ctx context.Context, _ []byte) (object, error) {
	if s.loggedIn() == "" {
		if s.knobs.LoggedOut == "hang" {
			<-ctx.Done()
		}
		return nil, refuse(500, "unknown", "You are not logged into Antigravity")
	}
	return object{"userStatus": object{"name": "Fake User", "email": "fake-user@example.test",
		"planStatus":             object{"planInfo": object{"planName": "Fake"}, "availablePromptCredits": 500},
		"userTier":               object{"id": "free-tier", "name": "Fake tier"},
		"cascadeModelConfigData": object{"clientModelConfigs": s.modelConfigs()}}}, nil
}

func (s *Server) getModelConfigs(context.Context, []byte) (object, error) {
	if s.loggedIn() == "" {
		return object{}, nil
	}
	return object{"clientModelConfigs": s.modelConfigs(),
		"defaultOverrideModelConfig": object{"modelOrAlias": object{"model": s.models()[0].enum}}}, nil
}

func (s *Server) getCommandModelConfigs(context.Context, []byte) (object, error) {
	if s.loggedIn() == "" {
		return object{}, nil
	}
	return object{"clientModelConfigs": s.modelConfigs()}, nil
}

// getAvailableModels has the shape of the upstream's fetchAvailableModels, wrapped once.
func (s *Server) getAvailableModels(context.Context, []byte) (object, error) {
	if s.loggedIn() == "" {
		return object{}, nil
	}
	models := object{}
	for _, m := range s.models() {
		one := object{"displayName": m.label, "model": m.enum, "maxTokens": 1048576, "maxOutputTokens": 65536,
			"modelProvider": "MODEL_PROVIDER_" + m.provider}
		if quota := s.quotaInfo(m); quota != nil {
			one["quotaInfo"] = quota
		}
		models[m.upstream] = one
	}
	return object{"response": object{"models": models, "defaultAgentModelId": s.models()[0].upstream}}, nil
}

// hasQuotaSummary: the hub and agy do, the language server of an IDE does not.
func (s *Server) hasQuotaSummary() bool {
	if s.knobs.QuotaSummary == "auto" {
		return s.knobs.Era == "e3" && (s.agy || s.hub())
	}
	return s.knobs.QuotaSummary == "on"
}

func (s *Server) retrieveUserQuotaSummary(context.Context, []byte) (object, error) {
	if s.loggedIn() == "" {
		return nil, refuse(500, "unknown", "You are not logged into Antigravity")
	}
	if s.knobs.QuotaAnswers == "none" {
		return object{"response": object{}}, nil
	}
	groups := []object{{"displayName": "Gemini Models"}, {"displayName": "Claude and GPT models"}}
	shares, _ := fractions(s.knobs.QuotaBuckets) // checked at start
	for _, share := range shares {
		bucket := object{"bucketId": share.name, "displayName": "Five Hour Limit"}
		if strings.HasSuffix(share.name, "weekly") {
			bucket["displayName"] = "Weekly Limit"
		}
		third := strings.HasPrefix(share.name, "3p")
		fraction := s.left(share.fraction, func(m model) bool { return m.thirdParty() == third })
		known := fraction != 0 || !s.knobs.OmitZero
		if s.knobs.QuotaAnswers == "placeholder" {
			fraction, known = 1, true
		} else {
			bucket["resetTime"] = s.knobs.QuotaReset
		}
		to := bucket
		if s.knobs.QuotaNested {
			to = object{}
			bucket["remaining"] = to
		}
		if known {
			to["remainingFraction"] = fraction
		}
		group := groups[0]
		if third {
			group = groups[1]
		}
		buckets, _ := group["buckets"].([]object)
		group["buckets"] = append(buckets, bucket)
	}
	return object{"response": object{"groups": groups}}, nil
}

func (s *Server) getModelStatuses(context.Context, []byte) (object, error) { return object{}, nil }

// getModelResponse is a completion without a cascade; third parties' models are not there (U36).
func (s *Server) getModelResponse(ctx context.Context, body []byte) (object, error) {
	var req struct {
		Prompt string
		Model  json.RawMessage
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	m, ok := s.findModel(req.Model)
	if !ok || s.loggedIn() == "" || (m.thirdParty() && s.knobs.ThirdParty == "404") {
		return nil, refuse(404, "not_found", "model not found: %s", req.Model)
	}
	r := &reply{model: m, copyID: s.knobs.CopyResponseID}
	if err := s.generate(ctx, s.bareRequest(m, req.Prompt, "generate_content"), r, func() {}); err != nil {
		return nil, refuse(500, "unknown", "%v", err)
	}
	return object{"response": r.text.String()}, nil
}
