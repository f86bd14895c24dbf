package programs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAsMakeBuilds compares what is known here with the Makefile.
func TestAsMakeBuilds(t *testing.T) {
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^\t(CGO_ENABLED=0 )?\$\(GO\) build .* -o \$\(BIN\)/(\S+) \./(\S+)$`).FindAllStringSubmatch(string(text), -1)
	for _, l := range lines {
		if name := l[2]; ours[name] != l[3] || pure[name] != (l[1] != "") {
			t.Errorf("make build builds %s of %s, without cgo: %v", name, l[3], l[1] != "")
		}
	}
	if len(lines) != len(ours) {
		t.Errorf("make build builds %d programs, %d are known", len(lines), len(ours))
	}
}

func TestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs: not with -short")
	}
	t.Run("ours and another", func(t *testing.T) {
		dir := t.TempDir()
		if err := Build(dir, "ballast-agent", "./testdata/hello"); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(filepath.Join(dir, "hello")).Output(); string(out) != "hello\n" || err != nil {
			t.Errorf("It says %q, %v", out, err)
		}
		if err := exec.Command(filepath.Join(dir, "ballast-agent"), "--help").Run(); err != nil {
			t.Error(err)
		}
	})
	t.Run("broken", func(t *testing.T) {
		if err := Build(t.TempDir(), "./testdata/broken"); err == nil || !strings.Contains(err.Error(), "undefined: nothing") {
			t.Errorf("Error %v, want what the compiler says", err)
		}
	})
}

// tests are the tests of a suite.
type tests func() int

func (f tests) Run() int { return f() }

func TestSuite(t *testing.T) {
	for _, c := range []struct {
		name     string
		programs string
		skip     bool
		code     int
		built    bool
	}{
		{"built before the tests", "./testdata/hello", false, 7, true},
		{"nothing to build", "./testdata/broken", true, 7, false},
		{"broken", "./testdata/broken", false, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := ""
			built := false
			m := tests(func() int {
				_, err := os.Stat(filepath.Join(dir, "hello"))
				built = err == nil
				return 7
			})
			code := Suite{M: m, Names: []string{c.programs}, Skip: c.skip, Dir: &dir}.Run()
			if code != c.code || built != c.built {
				t.Errorf("Code %d, built %v; want %d, %v", code, built, c.code, c.built)
			}
			if _, err := os.Stat(dir); dir != "" && err == nil {
				t.Errorf("%s is left", dir)
			}
		})
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "test", "some")
	for _, dir := range []string{below, filepath.Join(root, ".cache", "bin"), filepath.Join(root, "path")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{".cache/bin/unpacked", ".cache/bin/both", "path/both", "path/installed"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(below)
	t.Setenv("PATH", filepath.Join(root, "path"))
	t.Setenv("MINE_BIN", "../mine")
	for name, want := range map[string]string{
		"unpacked": ".cache/bin/unpacked", "both": ".cache/bin/both", "installed": "path/installed", "mine": "test/mine", "none": "",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Find(name)
			if want == "" {
				if err == nil {
					t.Errorf("Found %s", got)
				}
				return
			}
			if got != filepath.Join(root, want) || err != nil {
				t.Errorf("Found %q, %v; want %s", got, err, want)
			}
		})
	}
	if got, err := Cached("installed"); err == nil {
		t.Errorf("Cached is %s", got)
	}
}
