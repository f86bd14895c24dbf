package main

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
)

// logCounter writes what coredns says to a file, and counts.
type logCounter struct {
	mu     sync.Mutex
	file   *os.File
	last   []byte
	counts map[string]int // of what is counted
	lines  int
}

// What is counted in the log.
const (
	logWarning    = "[WARNING]"
	logError      = "[ERROR]"
	logPanic      = "panic" // also "Recovered from panic in server"
	logReloaded   = "[INFO] Reloading complete"
	logNoReload   = "[ERROR] Restart failed"
	logZoneBroken = "the last good zone stays in use"
)

var counted = []string{logWarning, logError, logPanic, logReloaded, logNoReload, logZoneBroken}

func newLog(dir string) (*logCounter, error) {
	f, err := os.Create(filepath.Join(dir, "coredns.log"))
	return &logCounter{file: f, counts: map[string]int{}}, err
}

// logTail is how much of the end of the log is kept for messages.
const logTail = 4 << 10

// Write implements io.Writer. CoreDNS writes whole lines.
func (l *logCounter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines += bytes.Count(p, []byte("\n"))
	for _, text := range counted {
		l.counts[text] += bytes.Count(p, []byte(text))
	}
	l.last = append(l.last, p...)
	l.last = bytes.Clone(l.last[max(0, len(l.last)-logTail):])
	return l.file.Write(p)
}

// count is how often one of what is counted was said.
func (l *logCounter) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[text]
}

func (l *logCounter) lineCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}

func (l *logCounter) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.last)
}

func (l *logCounter) close() { l.file.Close() }
