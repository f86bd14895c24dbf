package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/plugin/directives"
)

const root = "../.."

var pages = []string{
	"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "plugin/README.md", "plugin/cookie/README.md", "agent/README.md", "director/README.md", "test/lab/README.md",
	"test/balance/README.md",
}

// folders are all that the top of the source tree holds beside files.
var folders = []string{"agent", "cmd", "director", "internal", "plugin", "test", "zones"}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func eachPage(t *testing.T, check func(t *testing.T, name string, p page)) {
	for _, name := range pages {
		t.Run(name, func(t *testing.T) { check(t, name, read(text(t, name))) })
	}
}

// found collects the first groups of all matches.
func found(pattern, in string) []string {
	var words []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(in, -1) {
		words = append(words, m[1])
	}
	return words
}

func TestMakeTargetsExist(t *testing.T) {
	targets := found(`(?m)^([a-z-]+):(?:[^=]|$)`, text(t, "Makefile"))
	if !slices.Contains(targets, "test") {
		t.Fatalf("Found no target test in the Makefile, but %v", targets)
	}
	eachPage(t, func(t *testing.T, _ string, p page) {
		for _, args := range p.commands("make") {
			for _, target := range args {
				if !strings.ContainsAny(target, "=-$") && !slices.Contains(targets, target) {
					t.Errorf("make %s is no target of the Makefile", target)
				}
			}
		}
	})
}

func TestMakeTargetsAreExplained(t *testing.T) {
	named := read(text(t, "CONTRIBUTING.md")).commands("make")
	for _, target := range found(`(?m)^([a-z-]+):.*## `, text(t, "Makefile")) {
		if !slices.ContainsFunc(named, func(args []string) bool { return slices.Contains(args, target) }) {
			t.Errorf("CONTRIBUTING.md does not tell of make %s", target)
		}
	}
}

func TestBallastctlCommandsExist(t *testing.T) {
	files, err := filepath.Glob(root + "/cmd/ballastctl/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("No source of ballastctl: %v", err)
	}
	var known []string
	for _, file := range files {
		known = append(known, found(`Use:\s+"([a-z]+)`, text(t, strings.TrimPrefix(file, root+"/")))...)
	}
	eachPage(t, func(t *testing.T, _ string, p page) {
		for _, args := range p.commands("ballastctl") {
			if len(args) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(args[0]) && !slices.Contains(known, args[0]) {
				t.Errorf("ballastctl %s is no command", args[0])
			}
		}
	})
}

func TestPathsExist(t *testing.T) {
	eachPage(t, func(t *testing.T, name string, p page) {
		for _, path := range p.paths(folders) {
			if !exists(path) && !exists(filepath.Join(filepath.Dir(name), path)) {
				t.Errorf("`%s` does not exist", path)
			}
		}
	})
}

func TestLinksLeadSomewhere(t *testing.T) {
	eachPage(t, func(t *testing.T, name string, p page) {
		for _, target := range p.links {
			path, fragment, _ := strings.Cut(target, "#")
			if path = filepath.Join(filepath.Dir(name), path); strings.HasPrefix(target, "#") {
				path = name
			}
			if !exists(path) {
				t.Errorf("The link to %s leads nowhere", target)
			} else if fragment != "" && !anchors(text(t, path))[fragment] {
				t.Errorf("The link to %s names no heading there", target)
			}
		}
	})
}

// exists tells whether something in the source tree matches the path.
func exists(path string) bool {
	matches, err := filepath.Glob(filepath.Join(root, path))
	return err == nil && len(matches) > 0
}

// TestFolders keeps the layout: a new folder at the top is a decision, and
// ARCHITECTURE.md is where it is explained.
func TestFolders(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	present := map[string]bool{}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !strings.Contains(text(t, ".gitignore"), "/"+e.Name()+"/") {
			present[e.Name()] = true
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(present)) {
		if !slices.Contains(folders, folder) {
			t.Errorf("The folder %s is new at the top", folder)
		}
	}
	for _, folder := range folders {
		if !present[folder] {
			t.Errorf("The folder %s is gone", folder)
		}
		if !strings.Contains(text(t, "ARCHITECTURE.md"), "`"+folder+"/") {
			t.Errorf("ARCHITECTURE.md says nothing of %s/", folder)
		}
	}
}

// TestPluginsAreListed compares the README's list of plugins with the binary's.
func TestPluginsAreListed(t *testing.T) {
	_, list, begun := strings.Cut(text(t, "README.md"), "<!-- plugins:begin -->")
	list, _, ended := strings.Cut(list, "<!-- plugins:end -->")
	if !begun || !ended {
		t.Fatal("README.md has no list of plugins between <!-- plugins:begin --> and <!-- plugins:end -->")
	}
	var listed []string
	for _, s := range read(list).spans {
		listed = append(listed, strings.Fields(s)...)
	}
	for _, d := range directives.Order {
		if !slices.Contains(listed, d) {
			t.Errorf("README.md does not list the plugin %s", d)
		}
	}
	for _, d := range listed {
		if !slices.Contains(directives.Order, d) {
			t.Errorf("README.md lists %s, which is no plugin of cmd/coredns", d)
		}
	}
}

// TestDependenciesAreReviewed looks for what go.mod requires directly.
func TestDependenciesAreReviewed(t *testing.T) {
	modules := found(`(?m)^\t(\S+) v\S+$`, text(t, "go.mod"))
	if len(modules) < 10 {
		t.Fatalf("Found only %v in go.mod", modules)
	}
	spans := read(text(t, "SECURITY.md")).spans
	for _, module := range modules {
		if !slices.Contains(spans, module) {
			t.Errorf("SECURITY.md does not tell what %s is for, who keeps it, and what it reaches", module)
		}
	}
}
