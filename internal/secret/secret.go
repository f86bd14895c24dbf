// Package secret reads tokens from files and follows them when they change.
package secret

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// recheck is how often a token file is looked at, at most.
const recheck = time.Second

// File is a token that is read again when its file changes. While the file
// cannot be read the last token stays in use. Its methods are safe for
// concurrent use.
type File struct {
	path string

	mu     sync.Mutex
	looked time.Time
	info   os.FileInfo
	token  string
	err    error // of the last look
}

// New reads the file once, and fails if there is no token in it. An empty path
// gives an empty token.
func New(path string) (*File, error) {
	f := &File{path: path}
	if path == "" {
		return f, nil
	}
	f.look()
	return f, f.err
}

// Path is the file's, empty for none.
func (f *File) Path() string { return f.path }

// Get returns the token as of the last second.
func (f *File) Get(now time.Time) string {
	if f.path == "" {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.looked) >= recheck {
		f.looked = now
		f.look()
	}
	return f.token
}

// Trouble tells why the file cannot be read at present.
func (f *File) Trouble() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *File) look() {
	info, err := os.Stat(f.path)
	if err != nil {
		f.err = fmt.Errorf("token file: %w", err)
		return
	}
	if f.err == nil && f.info != nil && os.SameFile(info, f.info) &&
		info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size() {
		return
	}
	token, err := read(f.path)
	if f.err = err; err == nil {
		f.token, f.info = token, info
	}
}

// read takes care that no error quotes the file's content.
func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("token file %s is empty: write the token into it", path)
	}
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(token) > 1024 || strings.ContainsFunc(token, bad) {
		return "", fmt.Errorf("token file %s holds more than one token: write the token alone into it", path)
	}
	return token, nil
}
