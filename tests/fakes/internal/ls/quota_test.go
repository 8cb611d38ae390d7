package ls

import (
	"strings"
	"testing"
)

func quotas(list any) map[string]object {
	out := map[string]object{}
	items, _ := list.([]any)
	for _, item := range items {
		info, _ := dig(item, "quotaInfo").(object)
		out[dig(item, "modelOrAlias", "model").(string)] = info
	}
	return out
}

// left of a model, as GetUserStatus says.
func (r *rig) left(model string) float64 {
	out, _ := quotas(dig(r.must("GetUserStatus", object{}), "userStatus", "cascadeModelConfigData", "clientModelConfigs"))[model]["remainingFraction"].(float64)
	return out
}

func TestQuotaIsTheSameInEveryMethod(t *testing.T) {
	r := launch(t, "e3", func(k *Knobs) { k.Quota = "MODEL_PLACEHOLDER_M18=0+gemini-3.6-flash-high=0.25" })
	for method, path := range map[string][]any{
		"GetUserStatus":             {"userStatus", "cascadeModelConfigData", "clientModelConfigs"},
		"GetCommandModelConfigs":    {"clientModelConfigs"},
		"GetCascadeModelConfigData": {"clientModelConfigs"},
	} {
		got := quotas(dig(r.must(method, object{}), path...))
		if _, there := got["MODEL_PLACEHOLDER_M18"]["remainingFraction"]; there || got["MODEL_PLACEHOLDER_M18"]["resetTime"] == nil {
			t.Errorf("%s: a fraction of 0 is left out: %v", method, got)
		}
		if got["MODEL_PLACEHOLDER_M71"]["remainingFraction"] != 0.25 || got["MODEL_PLACEHOLDER_M26"]["remainingFraction"] != 0.8 {
			t.Errorf("%s: %v", method, got)
		}
	}
	models := dig(r.must("GetAvailableModels", object{}), "response", "models")
	if dig(models, "gemini-3.6-flash-high", "quotaInfo", "remainingFraction") != 0.25 || dig(models, "gemini-3-flash", "model") != "MODEL_PLACEHOLDER_M18" {
		t.Errorf("%v", models)
	}
	if status, _, _ := r.raw("GetAvailableModels", "application/proto", nil); status != 415 {
		t.Errorf("protobuf without known numbers: %d", status)
	}
}

func TestAFractionOfZeroMayBeSent(t *testing.T) {
	r := launch(t, "e1", func(k *Knobs) { k.Quota, k.OmitZero = "MODEL_PLACEHOLDER_M18=0", false })
	got := quotas(dig(r.must("GetCommandModelConfigs", object{}), "clientModelConfigs"))
	if v, there := got["MODEL_PLACEHOLDER_M18"]["remainingFraction"]; !there || v != 0.0 {
		t.Errorf("%v", got)
	}
}

func TestPlaceholdersAndAnswersWithoutQuota(t *testing.T) {
	for answers, want := range map[string]any{"placeholder": 1.0, "none": nil} {
		r := launch(t, "e2", func(k *Knobs) { k.QuotaAnswers = answers })
		for model, info := range quotas(dig(r.must("GetUserStatus", object{}), "userStatus", "cascadeModelConfigData", "clientModelConfigs")) {
			if info["remainingFraction"] != want || info["resetTime"] != nil {
				t.Errorf("%s %s: %v", answers, model, info)
			}
		}
	}
}

func TestTheHubSumsItsQuotaUp(t *testing.T) {
	hub := []string{"--standalone", "--subclient_type", "hub"}
	r := launch(t, "e3", nil, hub...)
	groups := dig(r.must("RetrieveUserQuotaSummary", object{}), "response", "groups")
	if dig(groups, 0, "displayName") != "Gemini Models" || dig(groups, 0, "buckets", 0, "bucketId") != "gemini-5h" ||
		dig(groups, 0, "buckets", 1, "remainingFraction") != 0.9 || dig(groups, 1, "buckets", 1, "bucketId") != "3p-weekly" ||
		dig(groups, 1, "buckets", 1, "remainingFraction") != nil || dig(groups, 1, "buckets", 1, "resetTime") == nil {
		t.Errorf("%v", groups)
	}
	r = launch(t, "e3", func(k *Knobs) { k.QuotaNested, k.QuotaAnswers = true, "placeholder" }, hub...)
	groups = dig(r.must("RetrieveUserQuotaSummary", object{}), "response", "groups")
	if dig(groups, 1, "buckets", 1, "remaining", "remainingFraction") != 1.0 || dig(groups, 1, "buckets", 1, "resetTime") != nil {
		t.Errorf("%v", groups)
	}
	r = launch(t, "e3", func(k *Knobs) { k.QuotaAnswers = "none" }, hub...)
	if got := r.must("RetrieveUserQuotaSummary", object{}); dig(got, "response", "groups") != nil {
		t.Errorf("%v", got)
	}
	r = launch(t, "e1", func(k *Knobs) { k.QuotaSummary = "on" })
	r.must("RetrieveUserQuotaSummary", object{})
}

func TestAQuotaFallsByWhatWasUsed(t *testing.T) {
	r := launch(t, "e3", func(k *Knobs) { k.QuotaTokens, k.QuotaSummary = 1000, "on" })
	before := r.left("MODEL_PLACEHOLDER_M18")
	if got := r.must("GetModelResponse", object{"prompt": "x", "model": "MODEL_PLACEHOLDER_M18"}); got["response"] == "" {
		t.Fatal(got)
	}
	after := r.left("MODEL_PLACEHOLDER_M18")
	if before != 0.8 || after >= before || r.left("MODEL_PLACEHOLDER_M26") != 0.8 {
		t.Errorf("%v, then %v", before, after)
	}
	groups := dig(r.must("RetrieveUserQuotaSummary", object{}), "response", "groups")
	gemini, third := dig(groups, 0, "buckets", 0, "remainingFraction"), dig(groups, 1, "buckets", 0, "remainingFraction")
	if gemini.(float64) >= 0.75 || third != 0.5 {
		t.Errorf("%v, %v", gemini, third)
	}
}

func TestLoggedOutThereIsNothing(t *testing.T) {
	r := launchLoggedOut(t, "e3", nil)
	if got := r.must("GetCascadeModelConfigData", object{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := r.must("GetAvailableModels", object{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if status, got := r.try("GetUserStatus", object{}); status != 500 {
		t.Errorf("%d %v", status, got)
	}
	id := r.begin()
	if status, got := r.try("SendUserCascadeMessage", message(id, "x")); status != 500 || got["message"] != "model not found" {
		t.Errorf("%d %v", status, got)
	}
	r = launchLoggedOut(t, "e2", func(k *Knobs) { k.LoggedOut = "hang" })
	if status, _, _ := r.raw("GetUserStatus", "application/json", nil, "Connect-Timeout-Ms", "1"); status != 500 && status != 504 {
		t.Error(status)
	}
}

func TestModelsOfEachEraAndOfThirdParties(t *testing.T) {
	for era, want := range map[string]string{"e1": "Gemini 3 Pro (High)", "e2": "Gemini 3.1 Pro (High)", "e3": "Gemini 3.6 Flash (High)"} {
		r := launch(t, era, nil)
		var labels []string
		items, _ := dig(r.must("GetCascadeModelConfigData", object{}), "clientModelConfigs").([]any)
		for _, item := range items {
			labels = append(labels, dig(item, "label").(string))
		}
		if !strings.Contains(strings.Join(labels, ","), want) {
			t.Errorf("%s: %v", era, labels)
		}
	}
	third := object{"prompt": "x", "model": "MODEL_PLACEHOLDER_M26"}
	r := launch(t, "e2", nil)
	if status, _ := r.try("GetModelResponse", third); status != 404 {
		t.Error(status)
	}
	if got := r.must("GetModelResponse", object{"prompt": "x", "model": 1018}); got["response"] != "Hello there" {
		t.Errorf("%v", got)
	}
	r = launch(t, "e2", func(k *Knobs) { k.ThirdParty = "ok" })
	if got := r.must("GetModelResponse", third); got["response"] != "Hello there" {
		t.Errorf("%v", got)
	}
	for _, unknown := range []string{"drop", "error"} {
		r = launch(t, "e2", func(k *Knobs) { k.UnknownModel = unknown })
		id := r.begin()
		m := message(id, "x")
		m["cascadeConfig"].(object)["plannerConfig"].(object)["requestedModel"] = object{"model": "MODEL_PLACEHOLDER_M3"}
		status, _ := r.try("SendUserCascadeMessage", m)
		if (unknown == "error") != (status == 500) || len(r.steps(id)) != 0 {
			t.Errorf("%s: %d", unknown, status)
		}
	}
}
