package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestBoot(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	process := func(pid, start int) {
		write(fmt.Sprintf("proc/%d/stat", pid), fmt.Sprintf("%d (web) S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 %d "+
			"0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", pid, start))
	}
	t0 := time.Unix(1_800_000_000, 0)
	pidFile := filepath.Join(root, "web.pid")
	seen := map[string]string{}
	differs := func(what, id string) {
		t.Helper()
		if other, ok := seen[id]; ok {
			t.Errorf("%s: the same id as %s", what, other)
		}
		seen[id] = what
	}

	write("proc/sys/kernel/random/boot_id", "one\n")
	differs("start", Boot(root, "", t0)())
	if a, b := Boot(root, "", t0)(), Boot(root, "", t0)(); a != b || len(a) != 12 {
		t.Errorf("ids %q and %q of one start", a, b)
	}
	differs("agent restarted", Boot(root, "", t0.Add(time.Second))())

	byFile := Boot(root, pidFile, t0)
	differs("service not running", byFile())
	process(42, 1000)
	write("web.pid", "42\n")
	running := byFile()
	differs("service running", running)
	if got := Boot(root, pidFile, t0.Add(time.Hour))(); got != running {
		t.Error("with a PID file, restarting the agent alone changed the id")
	}
	process(42, 2000)
	differs("service restarted under the same PID", byFile())

	write("proc/sys/kernel/random/boot_id", "two\n")
	differs("machine restarted", Boot(root, "", t0)())
}
