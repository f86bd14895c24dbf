package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dnsperf is the load generator of DNS-OARC.
type dnsperf struct {
	path, dir string
}

func (*dnsperf) String() string { return "dnsperf" }

// lines is how many queries dnsperf's input holds; it goes through it several
// times.
const lines = 1000

func (d *dnsperf) load(ctx context.Context, addr string, queries int) (tally, error) {
	host, port, _ := strings.Cut(addr, ":")
	count := min(lines, queries)
	input := filepath.Join(d.dir, "queries")
	if err := os.WriteFile(input, []byte(strings.Repeat(qname+" A\n", count)), 0o600); err != nil {
		return tally{}, err
	}
	cmd := exec.CommandContext(ctx, d.path, "-s", host, "-p", port, "-d", input, "-e",
		"-n", strconv.Itoa(queries/count), "-l", strconv.Itoa(int(roundLimit.Seconds())),
		"-c", strconv.Itoa(sockets), "-T", "1", "-q", strconv.Itoa(underWay))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return tally{}, fmt.Errorf("dnsperf: %w\n%s", err, out)
	}
	return readDNSPerf(string(out))
}

var (
	noerror = regexp.MustCompile(`NOERROR (\d+)`)
	runTime = regexp.MustCompile(`Run time \(s\):\s+([0-9.]+)`)
)

// readDNSPerf reads dnsperf's statistics: how many answers were NOERROR, and
// how long it took.
func readDNSPerf(out string) (tally, error) {
	answered, ran := noerror.FindStringSubmatch(out), runTime.FindStringSubmatch(out)
	if answered == nil || ran == nil {
		return tally{}, fmt.Errorf("dnsperf reports no NOERROR answers or no run time:\n%s", out)
	}
	n, err := strconv.Atoi(answered[1])
	if err != nil {
		return tally{}, err
	}
	s, err := strconv.ParseFloat(ran[1], 64)
	return tally{answered: n, elapsed: time.Duration(s * float64(time.Second))}, err
}
