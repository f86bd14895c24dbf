//go:build linux

package main

import (
	"strings"
	"sync"
)

// saidLimit is how much of the end of what a program says is kept, in bytes.
const saidLimit = 4 << 10

// said keeps the end of what programs say, to be shown if there is trouble.
type said struct {
	mu   sync.Mutex
	text []byte
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	s.text = s.text[max(0, len(s.text)-saidLimit):]
	return len(p), nil
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(string(s.text))
}
