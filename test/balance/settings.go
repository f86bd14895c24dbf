//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are what an experiment is made of. Times but those of the papers
// (model.go) are of this machine's clock.
type settings struct {
	bin, consul, unbound, out string

	policies       []string
	duration, warm time.Duration
	every          time.Duration // between lines of progress

	factor             float64 // the papers' times are divided by
	clients, resolvers int
	answers            int       // addresses in an answer
	relative           []float64 // capacities of the servers
	cores, utilisation float64   // of all servers together
	span               int       // samples in a window of max/avg
	seed               uint64
}

// defaults are for two cores: the servers may use one, of which the load takes
// two thirds; the rest is for clients, resolvers and Consul.
func defaults() settings {
	return settings{
		policies: []string{"rr", "weighted", "headroom"},
		duration: 4 * time.Minute, warm: 150 * time.Second,
		factor: 8, clients: 500, resolvers: 20, answers: 2,
		relative: []float64{1, 1, .8, .8, .5, .5, .5}, // 50 % heterogeneity
		cores:    1, utilisation: 2. / 3, span: 16, seed: 1,
	}
}

// maxResolvers have addresses below those of the lab's VIPs.
const maxResolvers = 80

func (s *settings) complete() error {
	switch {
	case s.factor < 1:
		return fmt.Errorf("-factor %v: want at least 1", s.factor)
	case s.clients < s.resolvers || s.resolvers < 1 || s.resolvers > maxResolvers:
		return fmt.Errorf("-clients %d and -resolvers %d: want 1 to %d resolvers, and a client for each at least",
			s.clients, s.resolvers, maxResolvers)
	case s.answers < 1 || s.answers > len(s.relative):
		return fmt.Errorf("-answers %d: want 1 to %d, the number of servers", s.answers, len(s.relative))
	case s.cores <= 0 || s.utilisation <= 0 || s.utilisation >= 1:
		return fmt.Errorf("-cores %v and -utilisation %v: want more than 0, and less than 1 of it used", s.cores, s.utilisation)
	case s.warm < s.scaled(constantTTL):
		return fmt.Errorf("-warm %v: want %v at least, over which resolvers come to life", s.warm, s.scaled(constantTTL))
	case s.span < 1 || s.duration < s.window(1):
		return fmt.Errorf("-duration %v with a -span of %d: want one sample of %v at least", s.duration, s.span, s.window(1))
	}
	for _, name := range s.policies {
		if _, ok := records(*s)[name]; !ok {
			return fmt.Errorf("-policies %s: no record is known for it; add one in policies.go", name)
		}
	}
	if err := s.absolute(); err != nil {
		return err
	}
	return s.present()
}

// absolute makes paths good for programs that run elsewhere.
func (s *settings) absolute() error {
	for _, path := range []*string{&s.bin, &s.consul, &s.unbound, &s.out} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return nil
}

// present tells which program is missing, and how to get it.
func (s *settings) present() error {
	var errs []error
	for path, target := range map[string]string{
		s.program("coredns"): "build", s.program("ballast-agent"): "build", s.consul: "consul", s.unbound: "packages",
	} {
		if _, err := os.Stat(path); err != nil {
			errs = append(errs, fmt.Errorf("%w; make it by `make %s`", err, target))
		}
	}
	return errors.Join(errs...)
}

func (s *settings) program(name string) string { return filepath.Join(s.bin, name) }

// setRelative reads a list of capacities.
func (s *settings) setRelative(text string) error {
	s.relative = nil
	for word := range strings.SplitSeq(text, ",") {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil || v <= 0 || v > 1 {
			return fmt.Errorf("-relative %q: want numbers above 0, at most 1, such as 1,0.8,0.5", word)
		}
		s.relative = append(s.relative, v)
	}
	return nil
}

func list(numbers []float64) string {
	var words []string
	for _, v := range numbers {
		words = append(words, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(words, ",")
}

// quota is the share of a core that server i may use.
func (s *settings) quota(i int) float64 {
	sum := 0.0
	for _, r := range s.relative {
		sum += r
	}
	return s.cores * s.relative[i] / sum
}

func (s *settings) quotas() []float64 {
	all := slices.Clone(s.relative)
	for i := range all {
		all[i] = s.quota(i)
	}
	return all
}

// scaled is a time of the papers on this machine's clock.
func (s *settings) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.factor)
}

// seconds is a scaled time as a TTL: whole seconds, at least one.
func (s *settings) seconds(d time.Duration) int {
	return max(1, int(math.Round(s.scaled(d).Seconds())))
}

// window is the length of n samples.
func (s *settings) window(n int) time.Duration { return time.Duration(n) * s.scaled(samplePeriod) }
