package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/internal/freeport"
)

const profileSeconds = 5

// profileOf writes a CPU profile of coredns with ballast under load, if one is
// wanted: for go tool pprof.
func (b *bench) profileOf(ctx context.Context, l loader) error {
	if b.profile == "" {
		return nil
	}
	b.say("profiling ballast for %d s", profileSeconds)
	port, err := freeport.Take()
	if err != nil {
		return err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	srv, err := b.startServer(ctx, subjects[0].plugins+"\npprof "+addr)
	if err != nil {
		return err
	}
	defer srv.stop()
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer cancel()
		return b.fetchProfile(ctx, addr)
	})
	g.Go(func() error {
		for ctx.Err() == nil {
			if _, err := l.load(ctx, srv.addr, b.queries); err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

func (b *bench) fetchProfile(ctx context.Context, addr string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, profileSeconds)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Close = true // leave no goroutine behind
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	f, err := os.Create(b.profile)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, resp.Body); err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	return f.Close()
}
