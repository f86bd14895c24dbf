// Package deps keeps the directions in which the packages of Ballast import
// one another.
package deps

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ballast-lb/ballast/"

// rule forbids some packages to import others.
type rule struct {
	from   []string // packages of ours, with all below them; "" is every one
	except []string // but not these
	not    []string // imports, with all below them
	deep   bool     // nor through others
	reason string
}

var rules = []rule{
	{from: []string{""}, except: []string{"plugin", "cmd/coredns"}, not: []string{"github.com/coredns"},
		reason: "only the plugin and its binary depend on CoreDNS, so that agent and director stay small"},
	{from: []string{""}, except: []string{"internal/consul"}, not: []string{"github.com/hashicorp/consul/api"},
		reason: "Consul is reached through internal/consul alone: one place for back-off, tokens and limits"},
	{from: []string{""}, except: []string{"director/bpf", "director/dataplane", "test/bench/director"}, not: []string{"github.com/cilium/ebpf"},
		reason: "maps and links have one owner"},
	{from: []string{""}, except: []string{"director/config"}, not: []string{"github.com/hashicorp/hcl"},
		reason: "the configuration is read in one place, which gives every mistake its line"},
	{from: []string{"director"}, not: []string{module + "plugin", module + "agent", module + "zones", module + "cmd"},
		reason: "the director works without the other programs"},
	{from: []string{"director/schedule"}, not: []string{module, "os", "net", "net/http", "log", "log/slog", "math/rand"},
		reason: "schedulers are pure: counters and random numbers are arguments"},
	{from: []string{"director/verdict"}, not: []string{"os", "net", "net/http", "log", "log/slog", "math/rand", module + "internal/consul", module + "internal/probe", module + "director/dataplane", module + "director/bpf"},
		reason: "a verdict is pure: time and all that is known are arguments"},
	{from: []string{"director/bpf"}, not: []string{module}, except: []string{"director/bpf/bpftest"},
		reason: "the object code and its types stand below everything"},
	{from: []string{"plugin"}, not: []string{module + "director", module + "agent", module + "cmd"}, deep: true,
		reason: "the name server works without the other programs"},
	{from: []string{"agent"}, not: []string{module + "director", module + "plugin", module + "zones"}, deep: true,
		reason: "the agent works without the other programs"},
	{from: []string{"internal"}, not: []string{module + "plugin", module + "agent", module + "director", module + "zones", module + "cmd", module + "test"}, deep: true,
		reason: "imports point down to internal/pool"},
	{from: []string{""}, except: []string{"internal/consul/consultest", "test"}, not: []string{module + "internal/freeport"},
		reason: "a port that is free is nothing that a program in service may guess"},
	{from: []string{""}, except: []string{"internal/consul/consultest", "test"}, not: []string{module + "internal/child", module + "internal/programs"},
		reason: "a program in service neither builds others nor takes them with it when it ends"},
	{from: []string{""}, except: []string{"director/bpf/bpftest", "director/route/nstest", "internal/consul/consultest", "internal/programs", "internal/statedir/statedirtest", "test"},
		not: []string{module + "internal/skip"}, reason: "only tests are skipped"},
	{from: []string{"internal/pool"}, not: []string{module, "net/http", "os", "net"},
		reason: "the words that all programs share do no I/O"},
	{from: []string{"plugin/policy"}, not: []string{"os", "net", "net/http", "log", module + "zones", module + "internal/consul", module + "internal/probe"},
		reason: "policy is pure: time and randomness are arguments"},
	{from: []string{"plugin/peers"}, not: []string{module + "plugin/policy", module + "zones", module + "internal/pool", module + "internal/consul"},
		reason: "what travels between name servers are numbers, whatever they stand for"},
	{from: []string{"plugin/snapshot"}, not: []string{"os", "net", "net/http", "log", module + "zones", module + "internal/consul", module + "internal/probe", module + "internal/statedir"},
		reason: "a snapshot is bytes: what can be written and read in a test can be fuzzed"},
	{from: []string{"zones"}, not: []string{module + "plugin", module + "internal/consul", module + "internal/probe", "net/http"}, deep: true,
		reason: "a zone file is read without knowing who serves it"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// allowed are pure although they stand below packages that are not.
var allowed = []string{"net/netip"}

// within tells whether path is one of the trees, or below one.
func within(path string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		tree = strings.TrimSuffix(tree, "/")
		return tree == "" || path == tree || strings.HasPrefix(path, tree+"/")
	})
}

func TestImportsPointDown(t *testing.T) {
	all := packages(t)
	for _, r := range rules {
		t.Run(strings.Join(r.from, ",")+" not "+strings.Join(r.not, ","), func(t *testing.T) {
			applies := false
			for _, p := range all {
				name := strings.TrimPrefix(p.ImportPath, module)
				if !within(name, r.from) || within(name, r.except) && len(r.except) > 0 {
					continue
				}
				applies = true
				for _, bad := range r.broken(p) {
					t.Errorf("%s imports %s: %s", name, bad, r.reason)
				}
			}
			if !applies {
				t.Errorf("The rule is stale: nothing is in %v any more", r.from)
			}
		})
	}
}

// TestPureCoresAskNoClock reads the source: the package time is fine for its
// types, not for its clock.
func TestPureCoresAskNoClock(t *testing.T) {
	for _, dir := range []string{"internal/pool", "internal/pace", "plugin/policy", "plugin/policy/hidden", "plugin/policy/belief", "plugin/snapshot", "director/schedule", "director/verdict", "test/soak/oracle"} {
		files, err := filepath.Glob("../../" + dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("No files in %s: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && impure[fmt.Sprint(s.X, ".", s.Sel)] {
					t.Errorf("%s uses %v.%v: time and randomness are arguments", file, s.X, s.Sel)
				}
				return true
			})
		}
	}
}

var impure = map[string]bool{
	"time.Now": true, "time.Since": true, "time.Until": true, "time.Sleep": true, "time.After": true,
	"time.NewTimer": true, "time.NewTicker": true, "rand.Uint64": true, "rand.Float64": true, "rand.IntN": true,
}

func (r rule) broken(p goPackage) (bad []string) {
	imports := p.Imports
	if r.deep {
		imports = p.Deps
	}
	for _, i := range imports {
		own := within(i, prefixed(r.from)) // a tree may import itself
		if within(i, r.not) && !own && !slices.Contains(allowed, i) {
			bad = append(bad, i)
		}
	}
	return bad
}

func prefixed(trees []string) []string {
	paths := make([]string, 0, len(trees))
	for _, tree := range trees {
		if tree != "" {
			paths = append(paths, module+tree)
		}
	}
	return paths
}
