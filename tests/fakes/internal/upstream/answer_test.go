package upstream

import (
	"strings"
	"testing"
)

func TestALimitOfLengthEndsTheAnswer(t *testing.T) {
	sc, _ := ParseScenario("")
	whole, cut := newAnswer("m", "why", sc, "n"), newAnswer("m", "why", sc, "n")
	wants := whole.final.Thoughts + whole.final.Candidates
	cut.limit(wants)
	if cut.cut || cut.final.Total != whole.final.Total {
		t.Errorf("a limit that is not reached changed %+v into %+v", whole.final, cut.final)
	}
	cut.limit(3)
	if got := cut.final; got.Thoughts+got.Candidates != 3 || got.Total != got.Prompt+got.ToolUse+3 {
		t.Errorf("3 tokens: %+v", got)
	}
	for a, want := range map[*answer]string{cut: "MAX_TOKENS", whole: "STOP"} {
		if got := a.whole(sc).json; !strings.Contains(got, `"finishReason":"`+want+`"`) {
			t.Errorf("not %s: %s", want, got)
		}
	}
}
