//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Options say what to build. The zero value with a Prefix is the usual lab.
type Options struct {
	Prefix  string // of the names of all namespaces, such as "ballast-"
	Dir     string // for the BPF file system and whatever programs keep; default below os.TempDir()
	Servers int    // real servers, 1 to 200; default 3
	NoIPv6  bool   // for kernels without
}

// Lab is a network that was built, or opened.
type Lab struct {
	Client   *Node
	Director *Node
	NS       *Node // the host of the name server and of Consul
	Servers  []*Server

	options Options
	owner   bool // of what Close removes
	threads *launcher

	mu       sync.Mutex
	commands map[*Cmd]bool // that run
	closed   bool
}

// New builds a lab. It needs CAP_SYS_ADMIN and CAP_NET_ADMIN. On an error it
// leaves nothing behind.
func New(o Options) (*Lab, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	names, err := namespaces(o.Prefix)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("build lab %s: namespace %s exists; remove the old lab first", o.Prefix, names[0])
	}
	if err := shareNames(); err != nil {
		return nil, fmt.Errorf("build lab %s: %w", o.Prefix, err)
	}
	l := newLab(o, true)
	if err := l.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("build lab %s: %w", o.Prefix, err), l.Close())
	}
	return l, nil
}

func newLab(o Options, owner bool) *Lab {
	return &Lab{
		options:  o,
		owner:    owner,
		threads:  newLauncher(),
		commands: map[*Cmd]bool{},
	}
}

// complete checks the options and fills in the defaults.
func (o Options) complete() (Options, error) {
	if o.Prefix == "" || strings.ContainsAny(o.Prefix, "/*?[\\ ") || strings.HasPrefix(o.Prefix, ".") {
		return o, fmt.Errorf("lab prefix %q: want a word that can begin a file name", o.Prefix)
	}
	if o.Servers == 0 {
		o.Servers = 3
	}
	if o.Servers < 1 || o.Servers > 200 {
		return o, fmt.Errorf("lab with %d servers: want 1 to 200", o.Servers)
	}
	if o.Dir == "" {
		o.Dir = defaultDir(o.Prefix)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("lab folder %s: %w", o.Dir, err)
	}
	o.Dir = dir
	return o, nil
}

func defaultDir(prefix string) string {
	return filepath.Join(os.TempDir(), "ballast-lab-"+strings.TrimSuffix(prefix, "-"))
}

// Dir is the lab's own folder. The default one goes with the lab.
func (l *Lab) Dir() string { return l.options.Dir }

// BPF is the mount point of a BPF file system of the lab's own, for pins.
func (l *Lab) BPF() string { return bpfDir(l.options) }

func bpfDir(o Options) string { return filepath.Join(o.Dir, "bpf") }

// Nodes are all namespaces of the lab; none when building it failed early.
func (l *Lab) Nodes() []*Node {
	if l.Client == nil {
		return nil
	}
	nodes := []*Node{l.Client, l.Director, l.NS}
	for _, s := range l.Servers {
		nodes = append(nodes, s.Node)
	}
	return nodes
}

// Close ends the processes that were started in the lab and removes it. For a
// lab that was opened it only lets go. The second call does nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.killCommands()
	l.threads.stop()
	for _, n := range l.Nodes() {
		n.release()
	}
	if !l.owner {
		return nil
	}
	return Remove(l.options)
}

// Leave is Close for a lab that shall stay: Remove removes it.
func (l *Lab) Leave() error {
	l.owner = false
	return l.Close()
}

// Remove removes the namespaces and the BPF file system of a lab, whoever made
// it. It ends no process; one that still runs keeps its namespace, nameless.
func Remove(o Options) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	names, err := namespaces(o.Prefix)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := deleteNamed(name); err != nil {
			errs = append(errs, fmt.Errorf("remove namespace %s: %w", name, err))
		}
	}
	// EINVAL: nothing is mounted there.
	if err := unix.Unmount(bpfDir(o), unix.MNT_DETACH); err != nil &&
		!errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return errors.Join(append(errs, fmt.Errorf("unmount %s: %w", bpfDir(o), err))...)
	}
	if o.Dir == defaultDir(o.Prefix) {
		errs = append(errs, os.RemoveAll(o.Dir))
	} else {
		errs = append(errs, os.RemoveAll(bpfDir(o)))
	}
	return errors.Join(errs...)
}

// netnsDir is where named namespaces are, for us and for ip-netns(8).
const netnsDir = "/run/netns"

// namespaces are the full names of those with a prefix.
func namespaces(prefix string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(netnsDir, prefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("look for namespaces %s*: %w", prefix, err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return paths, nil
}
