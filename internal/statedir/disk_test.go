//go:build linux

package statedir

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/ballast-lb/ballast/internal/skip"
	"github.com/ballast-lb/ballast/internal/statedir/statedirtest"
)

func TestDiskFull(t *testing.T) {
	fs := statedirtest.New(t, 64<<10)
	d := New(fs.Path)
	defer d.Close()
	if _, err := d.Replace("file", text("old")); err != nil {
		t.Fatal(err)
	}
	filler := fs.Fill(t)
	if err := Check(fs.Path); err != nil {
		t.Errorf("A full disk is a mistake of the configuration: %v", err)
	}
	for range 3 {
		if _, err := d.Replace("file", text(strings.Repeat("new ", 10_000))); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("On a full disk the error is %v", err)
		}
		if got := contents(t, fs.Path, "file"); got != "old" {
			t.Fatalf("The old file holds %q", got)
		}
	}
	os.Remove(filler)
	if _, err := d.Replace("file", text("new")); err != nil || contents(t, fs.Path, "file") != "new" {
		t.Errorf("With room again: %v", err)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	fs := statedirtest.New(t, 64<<10)
	fs.ReadOnly(t, true)
	if err := Check(fs.Path); err == nil || !strings.Contains(err.Error(), "mounted read-only") {
		t.Errorf("Error is %v", err)
	}
	fs.ReadOnly(t, false)
	if err := Check(fs.Path); err != nil {
		t.Error(err)
	}
}

// Root may write everywhere, so somebody else asks.
func TestDirectoryOfSomebodyElse(t *testing.T) {
	if dir := os.Getenv("STATEDIR_CHECK"); dir != "" {
		if err := Check(dir); err != nil {
			os.Stdout.WriteString("CHECKED: " + err.Error() + "\n")
		}
		return
	}
	if os.Geteuid() != 0 {
		skip.UnlessCI(t, "Being somebody else takes root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestDirectoryOfSomebodyElse$")
	cmd.Env = append(os.Environ(), "STATEDIR_CHECK=/var")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "CHECKED: /var may not be written to by user 65534: chown it") {
		t.Errorf("Checked: %v\n%s", err, out)
	}
}
