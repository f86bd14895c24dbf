//go:build linux

package lab

import (
	"errors"
	"fmt"
	"slices"
)

// ErrNone says that there is no lab of that prefix.
var ErrNone = errors.New("there is no such lab")

// Open finds a lab that somebody built and left standing. Close lets go of it
// and leaves it standing; Remove removes it.
func Open(o Options) (*Lab, error) {
	names, err := namespaces(o.Prefix)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("open lab %s: %w", o.Prefix, ErrNone)
	}
	for o.Servers = 0; slices.Contains(names, fmt.Sprintf("%ss%d", o.Prefix, o.Servers+1)); {
		o.Servers++
	}
	if o, err = o.complete(); err != nil {
		return nil, err
	}
	l := newLab(o, false)
	l.addNodes()
	for _, n := range l.Nodes() {
		if err := n.open(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}
