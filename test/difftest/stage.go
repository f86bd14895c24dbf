package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ballast-lb/ballast/test/difftest/zonegen"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

// stage is one process of each kind, which all serve the same zones.
type stage struct {
	dir   string
	zones []placed
	procs []*process // ours is the first
}

// startLimit is how long the servers may take to load their zones.
const startLimit = 60 * time.Second

// startStage starts servers for zones; the number of a zone in its origin is its index.
func startStage(ctx context.Context, kinds []*kind, zones []zonegen.Zone) (*stage, error) {
	dir, err := os.MkdirTemp("", "difftest")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir}
	if err := s.start(ctx, kinds, zones); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *stage) start(ctx context.Context, kinds []*kind, zones []zonegen.Zone) error {
	var err error
	if s.zones, err = s.place(ctx, zones); err != nil {
		return err
	}
	for _, k := range kinds {
		p, err := startProcess(ctx, k, s.dir, s.zones)
		if err != nil {
			return err
		}
		s.procs = append(s.procs, p)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for _, p := range s.procs {
		if err := p.await(ctx, s.zones); err != nil {
			return err
		}
	}
	return nil
}

// place writes the zones, and signs those that are to be.
func (s *stage) place(ctx context.Context, zones []zonegen.Zone) ([]placed, error) {
	list := make([]placed, len(zones))
	signer, err := newSigner(s.dir)
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i := range zones {
		list[i] = placed{origin: zones[i].Origin(i), file: filepath.Join(s.dir, fmt.Sprintf("%05d.zone", i)), text: zones[i].Text()}
		g.Go(func() error {
			if err := os.WriteFile(list[i].file, []byte(list[i].text), 0o600); err != nil || zones[i].Signing == zonegen.Unsigned {
				return err
			}
			return signer.sign(ctx, &list[i], zones[i].Signing)
		})
	}
	return list, g.Wait()
}

func (s *stage) stop() {
	for _, p := range s.procs {
		p.stop()
	}
	os.RemoveAll(s.dir)
}

// await waits until the server is authoritative for all zones.
func (p *process) await(ctx context.Context, zones []placed) error {
	c := &dns.Client{Net: "udp", Timeout: time.Second}
	for _, z := range zones {
		for {
			why := ""
			m, _, err := c.ExchangeContext(ctx, new(dns.Msg).SetQuestion(z.origin, dns.TypeSOA), p.addr)
			switch {
			case err != nil:
				why = err.Error()
			case m.Authoritative && m.Rcode == dns.RcodeSuccess:
			default:
				why = "answers with " + dns.RcodeToString[m.Rcode]
			}
			if why == "" {
				break
			}
			select {
			case <-p.Ended():
				return fmt.Errorf("%s has ended; its log says:\n%s", p.name, p.tail())
			case <-ctx.Done():
				return fmt.Errorf("%s does not serve %s: %s; its log says:\n%s", p.name, z.origin, why, p.tail())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}
