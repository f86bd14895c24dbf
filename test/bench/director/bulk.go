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
	// send takes d and a little more.
	send(ctx context.Context, from *lab.Node, to netip.AddrPort, d time.Duration) (transfer, error)
	String() string
}

// transfer is how fast bytes went, and what they cost.
type transfer struct {
	bits float64 // per second
	cpu  float64 // ms of both ends for each GB
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

func (i iperf3) send(ctx context.Context, from *lab.Node, to netip.AddrPort, d time.Duration) (transfer, error) {
	out, err := from.CommandContext(ctx, string(i), "-c", to.Addr().String(), "-p", strconv.Itoa(int(to.Port())),
		"-t", strconv.Itoa(int(max(time.Second, d).Seconds())), "-J").Output()
	if err != nil {
		return transfer{}, fmt.Errorf("iperf3 to %v: %w: %s", to, err, out)
	}
	return readIperf3(out)
}

// readIperf3 takes what the server received.
func readIperf3(out []byte) (transfer, error) {
	var report struct {
		End struct {
			Received struct {
				Rate float64 `json:"bits_per_second"`
			} `json:"sum_received"`
			CPU struct {
				Client float64 `json:"host_total"` // percent of one processor
				Server float64 `json:"remote_total"`
			} `json:"cpu_utilization_percent"`
		} `json:"end"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return transfer{}, fmt.Errorf("iperf3's report: %w", err)
	}
	bits := report.End.Received.Rate
	if bits <= 0 {
		return transfer{}, fmt.Errorf("iperf3's report tells no rate: %s", out)
	}
	return transfer{bits, perGB((report.End.CPU.Client+report.End.CPU.Server)/100, bits)}, nil
}

// perGB turns the number of processors that were busy at a rate into
// milliseconds for each GB.
func perGB(processors, bits float64) float64 { return processors * 1e3 / (bits / 8e9) }

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

func (copying) send(ctx context.Context, from *lab.Node, to netip.AddrPort, d time.Duration) (transfer, error) {
	conn, err := from.Dial(ctx, "tcp", to.String())
	if err != nil {
		return transfer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	started, before, sent, buffer := time.Now(), cpuTime(), 0, make([]byte, bulkBuffer)
	for time.Since(started) < d {
		n, err := conn.Write(buffer)
		if sent += n; err != nil {
			return transfer{}, errors.Join(err, ctx.Err())
		}
	}
	took := time.Since(started).Seconds()
	bits := float64(sent) * 8 / took
	return transfer{bits, perGB((cpuTime()-before).Seconds()/took, bits)}, nil
}
