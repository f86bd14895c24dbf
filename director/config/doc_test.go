package config

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestDocumented finds every setting in the package's documentation and in the
// example that comes with the command.
func TestDocumented(t *testing.T) {
	var names []string
	d := &decoder{config: defaults("d.hcl")}
	v := &vip{d: d, block: &hclsyntax.Block{Labels: []string{"a"}}}
	names = slices.AppendSeq(names, maps.Keys(v.settings()))
	names = slices.AppendSeq(names, maps.Keys(v.blocks()))
	// Of the other blocks the parser itself tells what they take.
	for _, inside := range []string{"%", "timeouts { % }", "syn { % }", "consul { % }",
		`vip "a" { eject { % } }`, `vip "a" { reports { % } }`, `vip "a" { persistence { % } }`,
		`vip "a" { check "https" { % } }`, `vip "a" { check "dns" { % } }`, `vip "a" { check "exec" { % } }`,
	} {
		got := problems(t, strings.NewReplacer("%", "zzzzzzzz = 1", "{ ", "{\n", " }", "\n}").Replace(inside))
		found := regexp.MustCompile(`\(zzzzzzzz\): it takes (.*)`).FindStringSubmatch(got)
		if found == nil {
			t.Fatalf("%s: %s", inside, got)
		}
		names = append(names, strings.Split(found[1], ", ")...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) < 60 {
		t.Errorf("only %d settings", len(names))
	}
	for _, file := range []string{"doc.go", "../../cmd/director/director.hcl"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !regexp.MustCompile(`(?m)(^|[^a-z_])` + name + `([^a-z_]|$)`).Match(text) {
				t.Errorf("%s does not tell of %s", file, name)
			}
		}
	}
}
