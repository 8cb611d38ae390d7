package ls

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The manual is where people look for a knob, so it names every one, and every unknown of section 7.
func TestTheManualNamesEveryKnob(t *testing.T) {
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	kind := reflect.TypeOf(Knobs{})
	for i := 0; i < kind.NumField(); i++ {
		if name := kind.Field(i).Tag.Get("json"); !regexp.MustCompile("`" + name + "[`=]").MatchString(text) {
			t.Errorf("README.md does not name the knob %s", name)
		}
	}
	for n := 1; n <= 41; n++ {
		if !strings.Contains(text, fmt.Sprintf("\n| U%d | `", n)) {
			t.Errorf("README.md has no line for U%d", n)
		}
	}
	for name := range knownMarkers {
		if !regexp.MustCompile("`" + name + "[`;]").MatchString(text) {
			t.Errorf("README.md does not name the marker %s", name)
		}
	}
	for kind := range kinds {
		if !strings.Contains(text, "`"+kind+"`") && !strings.Contains(text, "kind="+kind) {
			t.Errorf("README.md does not name the kind %s", kind)
		}
	}
}
