package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/probe"
)

// kinds tells which settings a kind of check has beyond those of all.
var kinds = map[string][]string{
	"tcp":   {"port"},
	"tls":   {"port", "host", "ca_file", "insecure"},
	"http":  {"port", "host", "path"},
	"https": {"port", "host", "path", "ca_file", "insecure"},
	"dns":   {"port", "query"},
	"icmp":  {},
	"exec":  {"port", "program"},
	"none":  {},
}

func newCheck(kind string) *Check {
	return &Check{
		Spec:    probe.Spec{Kind: kind},
		Options: probe.Options{Every: time.Second, Timeout: time.Second, Rise: 2, Fall: 3},
	}
}

// readCheck reads the check block. It comes last, since what is checked
// without one depends on the rest.
func (v *vip) readCheck() {
	if v.check == nil {
		if v.Protocol == TCP && !v.at.has("service") {
			v.Check = newCheck("tcp")
		}
		return
	}
	kind := v.check.Labels[0]
	own, ok := kinds[kind]
	if !ok {
		names := slices.Sorted(maps.Keys(kinds))
		remedy := "write one of " + join(names)
		if near := nearest(kind, names); near != "" {
			remedy = fmt.Sprintf("did you mean %s? It can be %s", quote(near), join(names))
		}
		v.d.wrong(v.check.LabelRanges[0], "unknown kind of check", quote(kind), remedy)
		return
	}
	before := len(v.d.problems)
	c := newCheck(kind)
	given := v.d.body(fmt.Sprintf("check %q", kind), v.check.Body, v.checkSettings(c, own), nil)
	v.finishCheck(c, given, len(v.d.problems) == before)
}

func (v *vip) checkSettings(c *Check, own []string) settings {
	if c.Spec.Kind == "none" {
		return settings{}
	}
	all := settings{
		"port":     whole(&c.Spec.Port, 1, 65535),
		"host":     text(&c.Spec.Host, "a host's name", "www.example.org", word),
		"path":     text(&c.Spec.Path, "a path", "/healthz", nil),
		"query":    text(&c.Spec.Query, "a domain name", "example.org", nil),
		"ca_file":  path(&c.Spec.CAFile),
		"insecure": boolean(&c.Spec.Insecure),
		"program":  path(&c.Spec.Exec),
	}
	s := settings{
		"interval": duration(&c.Options.Every, 50*time.Millisecond, time.Hour),
		"timeout":  duration(&c.Options.Timeout, 10*time.Millisecond, time.Minute),
		"rise":     whole(&c.Options.Rise, 1, 100),
		"fall":     whole(&c.Options.Fall, 1, 100),
	}
	for _, name := range own {
		s[name] = all[name]
	}
	return s
}

// finishCheck judges the check as a whole.
func (v *vip) finishCheck(c *Check, given given, sound bool) {
	o := &c.Options
	if !given.has("timeout") {
		o.Timeout = min(o.Timeout, o.Every)
	} else if sound && o.Timeout > o.Every {
		v.d.wrong(given["timeout"], "timeout is longer than the interval", short(o.Timeout), "at most "+short(o.Every)+" will do")
		return
	}
	if !sound || c.Spec.Kind == "none" {
		return
	}
	if c.Spec.Kind == "exec" {
		if !given.has("program") {
			v.d.wrong(v.check.TypeRange, "check \"exec\" without its program", "", `write program = "/etc/ballast/checks/NAME"`)
			return
		}
		c.Spec.ExecDir, c.Spec.Exec = filepath.Split(c.Spec.Exec)
	}
	v.Check = c
	v.tryCheck(c.Spec)
}

// tryCheck lets probe look at a check: now without its files, and with them
// when files are looked at.
func (v *vip) tryCheck(spec probe.Spec) {
	try := func(spec probe.Spec) bool {
		_, err := probe.New(spec)
		if err != nil {
			v.d.wrong(v.check.TypeRange, err.Error(), "", "")
		}
		return err == nil
	}
	bare := spec
	bare.CAFile = ""
	if spec.Kind == "exec" || try(bare) {
		v.d.files = append(v.d.files, func() { try(spec) })
	}
}
