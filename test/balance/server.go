//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// serverVariable tells a process that it is a server: its port, then the files
// of its control group.
const serverVariable = "BALLAST_BALANCE_SERVER"

// serveIfAsked never returns in a process that was started as a server.
func serveIfAsked() {
	words := strings.Fields(os.Getenv(serverVariable))
	if len(words) == 0 {
		return
	}
	err := serve(words[0], words[1:])
	fmt.Fprintln(os.Stderr, "server:", err)
	os.Exit(1)
}

// serve answers GET /MICROSECONDS after so much CPU time.
func serve(port string, groups []string) error {
	for _, file := range groups {
		if err := write(file, strconv.Itoa(os.Getpid())); err != nil {
			return fmt.Errorf("join the control group: %w", err)
		}
	}
	var b burner
	server := http.Server{Addr: ":" + port, Handler: &b, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

// serverEnv makes a process a server. It has one thread for Go code, as the
// model has one queue.
func serverEnv(port int, groups []string) []string {
	return append(os.Environ(), "GOMAXPROCS=1",
		serverVariable+"="+strconv.Itoa(port)+" "+strings.Join(groups, " "))
}

// burner takes CPU time for one hit after the other.
type burner struct{ mu sync.Mutex }

func (b *burner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || n < 0 || n > 10e6 {
		http.Error(w, "want GET /MICROSECONDS, at most 10 s of them", http.StatusBadRequest)
		return
	}
	b.burn(time.Duration(n) * time.Microsecond)
	w.WriteHeader(http.StatusOK)
}

// burn uses CPU time, not time: a server that is throttled gets no further.
func (b *burner) burn(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := uint64(1)
	for end := cpuTime() + d; cpuTime() < end; {
		for range 2000 { // some microseconds between two looks at the clock
			sum = sum*6364136223846793005 + 1442695040888963407
		}
	}
	b.sink(sum)
}

// sink keeps the compiler from leaving out the work.
//
//go:noinline
func (b *burner) sink(uint64) {}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err) // the clock is in every kernel
	}
	return time.Duration(t.Nano())
}
