package probe

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Spec describes a check.
type Spec struct {
	Kind     string // one of Kinds
	Port     uint16 // asked instead of the server's own port; 0 for that one
	Host     string // for TLS and HTTP, instead of the server's own name
	Path     string // http, https: path and query, "/" if empty
	Query    string // dns: the name to ask for, the root if empty
	Exec     string // exec: the program's file name
	ExecDir  string // exec: the directory that holds all programs that may run
	CAFile   string // tls, https: PEM file of the authorities to trust; empty for the system's
	Insecure bool   // tls, https: accept any certificate
}

// ask is a check before New has put its name and a readable reason around it.
type ask struct {
	check Check
	label func(Target) string // what was asked, for errors: "192.0.2.11:80/healthz"
}

var builders = map[string]func(Spec) (ask, error){
	"tcp":   newTCP,
	"tls":   newTLS,
	"http":  newHTTP,
	"https": newHTTPS,
	"dns":   newDNS,
	"icmp":  newICMP,
	"exec":  newExec,
	"none":  newNone,
}

// Kinds lists the checks there are, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(builders)) }

// New makes the check that spec describes. It reads the CA file and looks for
// the program, so that mistakes show before anything is probed.
func New(spec Spec) (Check, error) {
	build, ok := builders[spec.Kind]
	if !ok {
		return nil, fmt.Errorf("check %q is not one of %s", spec.Kind, strings.Join(Kinds(), ", "))
	}
	a, err := build(spec)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", spec.Kind, err)
	}
	return func(ctx context.Context, t Target) (Result, error) {
		began := time.Now()
		t = spec.aim(t)
		r, err := a.check(ctx, t)
		if err != nil {
			return Result{}, fmt.Errorf("%s %s: %w", spec.Kind, a.label(t), reason(ctx, began, err))
		}
		return r, nil
	}, nil
}

// aim puts the spec's own port and host in the place of the server's.
func (s Spec) aim(t Target) Target {
	addr, port := t.Addr.Addr().Unmap(), t.Addr.Port()
	if s.Port != 0 {
		port = s.Port
	}
	t.Addr = netip.AddrPortFrom(addr, port)
	if s.Host != "" {
		t.Host = s.Host
	}
	t.Host = strings.TrimSuffix(t.Host, ".")
	return t
}

// name is whom TLS verifies: the server's domain name, or else its address.
func (t Target) name() string {
	if t.Host != "" {
		return t.Host
	}
	return t.Addr.Addr().WithZone("").String()
}

func addrPort(t Target) string { return t.Addr.String() }
