//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// bulk sends as much as it can over one connection.
type bulk interface {
	serve(ctx context.Context, n *lab.Node, port int) (stop func(), err error)
	// send returns bits per second, and takes d and a little more.
	send(ctx context.Context, from *lab.Node, to netip.AddrPort, d time.Duration) (float64, error)
	String() string
}

// newBulk takes iperf3 if it is installed.
func newBulk() bulk {
	if path, err := exec.LookPath("iperf3"); err == nil {
		return iperf3(path)
	}
	return copying{}
}

// iperf3 is the program, by its path.
type iperf3 string

func (iperf3) String() string { return "iperf3" }

func (i iperf3) serve(ctx context.Context, n *lab.Node, port int) (func(), error) {
	cmd := n.CommandContext(ctx, string(i), "-s", "-p", strconv.Itoa(port))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return cmd.Kill, nil
}

func (i iperf3) send(ctx context.Context, from *lab.Node, to netip.AddrPort, d time.Duration) (float64, error) {
	out, err := from.CommandContext(ctx, string(i), "-c", to.Addr().String(), "-p", strconv.Itoa(int(to.Port())),
		"-t", strconv.Itoa(int(max(time.Second, d).Seconds())), "-J").Output()
	if err != nil {
		return 0, fmt.Errorf("iperf3 to %v: %w: %s", to, err, out)
	}
	return readIperf3(out)
}

// readIperf3 takes what the server received, in bits per second.
func readIperf3(out []byte) (float64, error) {
	var report struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return 0, fmt.Errorf("iperf3's report: %w", err)
	}
	if report.End.Received.Rate <= 0 {
		return 0, fmt.Errorf("iperf3's report tells no rate: %s", out)
	}
	return report.End.Received.Rate, nil
}

// copying is a program of our own.
type copying struct{}

func (copying) String() string { return "a connection of our own" }

// bulkBuffer is what iperf3 writes at a time.
const bulkBuffer = 128 << 10

func (copying) serve(ctx context.Context, n *lab.Node, port int) (func(), error) {
	listener, err := n.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	running.Go(func() {
		buffer := make([]byte, bulkBuffer)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{conn}, buffer) // the sender tells
			_ = conn.Close()
		}
	})
	return func() {
		_ = listener.Close()
		running.Wait()
	}, nil
}

func (copying) send(ctx context.Context, from *lab.Node, to netip.AddrPort, d time.Duration) (float64, error) {
	conn, err := from.Dial(ctx, "tcp", to.String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	started, sent, buffer := time.Now(), 0, make([]byte, bulkBuffer)
	for time.Since(started) < d {
		n, err := conn.Write(buffer)
		if sent += n; err != nil {
			return 0, errors.Join(err, ctx.Err())
		}
	}
	return float64(sent) * 8 / time.Since(started).Seconds(), nil
}
