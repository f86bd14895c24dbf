package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/config"
)

var hclBlock = regexp.MustCompile("(?ms)^(?:```|~~~) ?hcl\n(.*?)^(?:```|~~~)$")

// TestDirectorConfigurationsAreValid reads the examples as the director would.
func TestDirectorConfigurationsAreValid(t *testing.T) {
	for name, least := range map[string]int{"README.md": 1, "director/README.md": 2} {
		examples := hclBlock.FindAllStringSubmatch(text(t, name), -1)
		if len(examples) < least {
			t.Errorf("%s has %d examples in hcl, want %d", name, len(examples), least)
		}
		for _, m := range examples {
			if _, err := config.Parse(name, []byte(m[1])); err != nil {
				t.Errorf("%v in\n%s", err, m[1])
			}
		}
	}
}

// TestDirectorManualIsComplete compares the manual's lists with the source.
func TestDirectorManualIsComplete(t *testing.T) {
	var spans []string
	for _, s := range read(text(t, "director/README.md")).spans {
		name, _, _ := strings.Cut(s, "{")
		spans = append(spans, strings.TrimSpace(name))
	}
	for _, c := range []struct{ what, pattern, file string }{
		{"reason", `(?m)^\tDirectorReasonREASON_\w+:\s*"([a-z_0-9]+)"`, "director/bpf/names.go"},
		{"metric", `(?m)^(\w+)[{ ]`, "director/metrics/testdata/metrics.golden"},
		{"setting", `(?m)^\t\t?"([a-z_0-9]+)":\s+(?:\{?[a-z.]+[({&]|v\.|d\.)`, "director/config/vip.go"},
		{"setting", `(?m)^\t\t"([a-z_0-9]+)":\s`, "director/config/top.go"},
	} {
		names := found(c.pattern, text(t, c.file))
		if len(names) < 3 {
			t.Fatalf("Found only %v in %s", names, c.file)
		}
		for _, name := range names {
			if name != "none" && !slices.Contains(spans, name) {
				t.Errorf("director/README.md says nothing of the %s %s", c.what, name)
			}
		}
	}
}
