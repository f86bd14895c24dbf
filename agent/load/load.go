// Package load measures how busy this machine, and the service on it, are. It
// reads /proc and the kernel's socket tables under an injectable root, and
// asks the application where it can tell better. It takes single samples and
// keeps no history but the counters of the sample before: smoothing is
// package agent's.
//
// What is read of /proc/stat and /proc/pressure is the whole machine's, also
// inside a container: a service with a CPU quota of its own should report its
// load itself, as the application's number.
package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/procfs"
)

// Sample is what was measured at one moment. A measurement that could not be
// made is nil, which is not the same as 0.
type Sample struct {
	Cores       int      `json:"cores,omitempty"`       // CPUs online
	RunQueue    *float64 `json:"run_queue,omitempty"`   // runnable tasks per core, this program not counted
	CPU         *float64 `json:"cpu,omitempty"`         // busy share of all cores since the sample before, 0..1
	PSI         *float64 `json:"psi,omitempty"`         // share of time in which some task waited for CPU, 0..1
	Connections *int     `json:"connections,omitempty"` // established connections of the service's port
	Application *float64 `json:"application,omitempty"` // what the application said of itself, 0..pool.MaxLoad
}

// The names of the readers, as they stand in Troubles, logs and metrics.
const (
	SignalCPU         = "cpu" // run queue too: both come from /proc/stat
	SignalPSI         = "psi"
	SignalConnections = "connections"
	SignalApplication = "application"
)

// Signals returns the names of all readers.
func Signals() []string {
	return []string{SignalCPU, SignalPSI, SignalConnections, SignalApplication}
}

// Troubles are the errors of one sample by the reader's name. A measurement
// that this kernel does not offer is no error.
type Troubles map[string]error

// Options say what to measure, and where.
type Options struct {
	Root    string       // where proc/ is found; empty for /
	Port    int          // the service's TCP port; 0 counts no connections
	AppURL  string       // asked by GET for the application's own number; empty for none
	AppFile string       // read for the application's own number; empty for none
	Client  *http.Client // for AppURL; nil for one with a timeout of a second and no proxy
}

// Sampler takes samples. It is for one goroutine.
type Sampler struct {
	readers []reader
}

type reader struct {
	name string
	read func(ctx context.Context, at time.Time, s *Sample) error
}

// New returns a Sampler. It fails if there is no proc/ under the root, or if
// two sources are given for the application's number.
func New(o Options) (*Sampler, error) {
	if o.AppURL != "" && o.AppFile != "" {
		return nil, fmt.Errorf("the application's load can come from %s or from %s, not from both", o.AppURL, o.AppFile)
	}
	root := o.Root
	if root == "" {
		root = "/"
	}
	fs, err := procfs.NewFS(filepath.Join(root, "proc"))
	if err != nil {
		return nil, fmt.Errorf("open proc under %s: %w", root, err)
	}
	s := &Sampler{readers: []reader{
		{SignalCPU, (&statReader{fs: fs}).read},
		{SignalPSI, (&psiReader{fs: fs}).read},
	}}
	if o.Port != 0 {
		// The socket tables asked by netlink are this machine's own: under
		// another root, only that root's files can tell.
		s.readers = append(s.readers, reader{SignalConnections, newConnReader(fs, o.Port, root == "/").read})
	}
	switch {
	case o.AppURL != "":
		s.readers = append(s.readers, reader{SignalApplication, newAppHTTP(o.AppURL, o.Client).read})
	case o.AppFile != "":
		s.readers = append(s.readers, reader{SignalApplication, appFile(o.AppFile).read})
	}
	return s, nil
}

// Sample measures once. Shares of time are those since the sample before, so
// the first sample has none. What fails is absent from the sample and told in
// Troubles, which is nil if all went well.
func (s *Sampler) Sample(ctx context.Context, at time.Time) (Sample, Troubles) {
	var sample Sample
	var troubles Troubles
	for _, r := range s.readers {
		if err := r.read(ctx, at, &sample); err != nil {
			if troubles == nil {
				troubles = Troubles{}
			}
			troubles[r.name] = err
		}
	}
	return sample, troubles
}

// Err is all troubles as one error, in the order of Signals; nil if there are
// none.
func (t Troubles) Err() error {
	var errs []error
	for _, name := range Signals() {
		if err := t[name]; err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
