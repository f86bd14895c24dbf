package docs

import (
	"slices"
	"testing"
)

const sample = "# The First: Part\n" +
	"See [there](plugin/README.md#name), [here](#the-first-part) and [far](https://example.org/x).\n" +
	"Say `make build`, not make sure; `a [b](c)` is code. `plugin/hub.go`, `go.mod` and `/etc/x` are paths.\n" +
	"```sh\n$ make run && sudo bin/ballastctl top # make coffee\nCI=true make test RACE=\n```\n" +
	"~~~ text\n# no heading\nmake nothing\n~~~\n"

func TestRead(t *testing.T) {
	p := read(sample)
	if want := []string{"plugin/README.md#name", "#the-first-part"}; !slices.Equal(p.links, want) {
		t.Errorf("Links are %q, want %q", p.links, want)
	}
	var calls []string
	for _, args := range p.commands("make") {
		calls = append(calls, args...)
	}
	if want := []string{"build", "run", "test", "RACE="}; !slices.Equal(calls, want) {
		t.Errorf("Arguments of make are %q, want %q", calls, want)
	}
	if calls := p.commands("ballastctl"); len(calls) != 1 || !slices.Equal(calls[0], []string{"top"}) {
		t.Errorf("Calls of ballastctl are %q", calls)
	}
	if got, want := p.paths([]string{"plugin"}), []string{"plugin/hub.go", "go.mod"}; !slices.Equal(got, want) {
		t.Errorf("Paths are %q, want %q", got, want)
	}
	if got := anchors(sample); len(got) != 1 || !got["the-first-part"] {
		t.Errorf("Anchors are %v", got)
	}
}
