package dataplane

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMissing(t *testing.T) {
	fine := func() error { return nil }
	lacks := func() error { return errors.New("not supported") }
	for _, c := range []struct {
		name  string
		needs []need
		want  []string // lines
	}{
		{"nothing", []need{{"tcx", "newer Linux", fine}}, nil},
		{"one", []need{{"tcx", "newer Linux", lacks}, {"bpf_timer", "newer Linux", fine}}, []string{"tcx: not supported; newer Linux"}},
		{"all are told", []need{{"tcx", "newer Linux", lacks}, {"bpffs", "mount -t bpf bpf /sys/fs/bpf", lacks}},
			[]string{"tcx: not supported; newer Linux", "bpffs: not supported; mount -t bpf bpf /sys/fs/bpf"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := missing(c.needs)
			if err == nil {
				if c.want != nil {
					t.Errorf("no error, want %q", c.want)
				}
				return
			}
			if got := err.Error(); got != strings.Join(c.want, "\n") {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestProbeNamesTheMount(t *testing.T) {
	require(t)
	err := Probe(filepath.Join(t.TempDir(), "ballast"))
	if err == nil || !strings.Contains(err.Error(), "mount -t bpf bpf /sys/fs/bpf") {
		t.Errorf("got %v", err)
	}
	err = Probe("/nonexistent/at/all")
	if err == nil || !strings.Contains(err.Error(), "statfs /nonexistent/at") {
		t.Errorf("got %v", err)
	}
}

func TestUnloadOfWhatIsNoBPFFS(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, currentDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Unload(dir, nil); err == nil {
		t.Error("removed files of another file system")
	}
	if _, err := os.Stat(filepath.Join(dir, currentDir)); err != nil {
		t.Error(err)
	}
}

// onlyCapabilities leaves the test's thread, which ends with the test, these
// capabilities.
func onlyCapabilities(t *testing.T, bits ...int) {
	t.Helper()
	require(t)
	runtime.LockOSThread()
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, bit := range bits {
		data[bit/32].Effective |= 1 << (bit % 32)
		data[bit/32].Permitted |= 1 << (bit % 32)
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		t.Fatal(err)
	}
}

// done runs f on a thread of its own and ends the thread.
func done(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	<-ended
}

func TestCapabilities(t *testing.T) {
	dir := bpffs(t)
	if err := os.Chmod(filepath.Dir(dir), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		caps []int
		want string // part of the error; "": works
	}{
		{"without CAP_BPF", []int{unix.CAP_NET_ADMIN}, "CAP_BPF"},
		{"without CAP_NET_ADMIN", []int{unix.CAP_BPF, unix.CAP_PERFMON}, "CAP_NET_ADMIN"},
		{"without CAP_PERFMON", []int{unix.CAP_BPF, unix.CAP_NET_ADMIN}, "CAP_PERFMON"},
		{"the least", []int{unix.CAP_BPF, unix.CAP_NET_ADMIN, unix.CAP_PERFMON}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			var p *Plane
			done(func() {
				onlyCapabilities(t, c.caps...)
				p, err = Open(small(dir))
			})
			if p != nil {
				mustClose(t, p)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
