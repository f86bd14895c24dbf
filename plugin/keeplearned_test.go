package ballast

import (
	"cmp"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"

	"github.com/miekg/dns"
)

// knows tells whether the name server knows a client subnet one by one.
func knows(t *testing.T, dir, key string) bool {
	t.Helper()
	e, err := controlIn(dir).Explain(t.Context(), control.ExplainRequest{Name: "www.example.org", From: netip.MustParsePrefix(key)})
	if err != nil {
		t.Fatal(err)
	}
	return e.HiddenLoad != nil && e.HiddenLoad.Known
}

// learn has a key ask as a cache does until it is known.
func learn(t *testing.T, s *server, dir string) {
	t.Helper()
	until(t, "the key is known", 10*time.Second, func() bool {
		s.ask("www.example.org.", dns.TypeA, subnet("198.51.7.9", 24, 0))
		for again := time.Now().Add(2 * time.Second); time.Now().Before(again) && !knows(t, dir, "198.51.7.0/24"); {
			time.Sleep(10 * time.Millisecond)
		}
		return knows(t, dir, "198.51.7.0/24")
	})
}

// TestPoliciesRememberOverARestart learns of a key, and begins anew.
func TestPoliciesRememberOverARestart(t *testing.T) {
	dir := stateful(t, shared)
	s := serve(t, dir, keepsState)
	learn(t, s, dir)
	s.stop()
	s = serve(t, dir, keepsState)
	if !knows(t, dir, "198.51.7.0/24") {
		t.Error("The key is forgotten")
	}
	s.stop()

	// A name that is gone, or has another policy, is no trouble.
	writeZone(t, dir, "zone", strings.Replace(shared, "policy=headroom", "policy=weighted", 1))
	serve(t, dir, keepsState).stop()
	if found, _ := filepath.Glob(filepath.Join(dir, "state/*.bad")); len(found) > 0 {
		t.Errorf("Set aside are %v", found)
	}
}

// TestNothingIsRecalledOfAFileThatIsNotWhole changes a digit of what was learned:
// all of it is of a name, and of this version, but not what was written.
func TestNothingIsRecalledOfAFileThatIsNotWhole(t *testing.T) {
	dir := stateful(t, shared)
	s := serve(t, dir, keepsState)
	learn(t, s, dir)
	s.stop()
	path := filepath.Join(dir, "state", learnedName)
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), `"gain":0.1`) {
		t.Fatalf("%v; the file is\n%s", err, text)
	}
	os.WriteFile(path, []byte(strings.Replace(string(text), `"gain":0.1`, `"gain":0.2`, 1)), 0o600)
	serve(t, dir, keepsState)
	if _, err := os.Stat(path + ".bad"); err != nil || knows(t, dir, "198.51.7.0/24") {
		t.Errorf("The key is known: %v; set aside: %v", knows(t, dir, "198.51.7.0/24"), err)
	}
}

func TestMemoryThatCannotBeUsed(t *testing.T) {
	dir := stateful(t, shared)
	path := filepath.Join(dir, "state", learnedName)
	for name, text := range map[string]string{"garbage": "not Ballast's\n", "cut": "{\"ballast\":\"learned\",\"version\":1}\n"} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			j := logged(t)
			s := serve(t, dir, keepsState)
			if m := s.ask("www.example.org.", dns.TypeA); len(m.Answer) != 1 {
				t.Errorf("The answer is %v", m)
			}
			if _, err := os.Stat(path + ".bad"); err != nil || !strings.Contains(j.String(), "policies learn anew of resolvers") {
				t.Errorf("%v; the log is\n%s", err, j)
			}
		})
	}
}

// TestLearnedIsWrittenNowAndThen, soon again after a failure, and at the end.
func TestLearnedIsWrittenNowAndThen(t *testing.T) {
	dir := stateful(t, shared)
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\n}")
	h := s.ballast().hub
	until(t, "something is learned", 10*time.Second, func() bool {
		s.ask("www.example.org.", dns.TypeA, subnet("198.51.7.9", 24, 0))
		for again := time.Now().Add(2 * time.Second); time.Now().Before(again); time.Sleep(10 * time.Millisecond) {
			if h.learned(func(memory) bool { return false }) {
				return true
			}
		}
		return false
	})
	var f learnedFile
	var full error
	n, now := 0, time.Now()
	replace := func(_ string, write func(io.Writer) error) (int64, error) {
		n++
		return 1, cmp.Or(full, write(io.Discard))
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		last  bool
		full  error
		want  int
	}{
		{"a new process", 0, false, nil, 0},
		{"minutes later", 4 * time.Minute, false, nil, 0},
		{"five minutes later", time.Minute, false, nil, 1},
		{"at once again", time.Second, false, nil, 0},
		{"the disk is full", 5 * time.Minute, false, syscall.ENOSPC, 1},
		{"at once after that", time.Second, false, nil, 0},
		{"a little later", keepRetry, false, nil, 1},
		{"the end", time.Second, true, nil, 1},
	} {
		now, n, full = now.Add(step.after), 0, step.full
		if f.keep(replace, h, now, step.last); n != step.want {
			t.Errorf("%s: %d writes, want %d", step.name, n, step.want)
		}
		if n > 0 {
			f.tried = now // as if the write had ended by this clock
		}
	}
}
