package consul

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// recheck is how often a token file is looked at, at most.
const recheck = time.Second

// tokenFile is an ACL token that is read again when its file changes. While
// the file cannot be read the last token stays in use.
type tokenFile struct {
	path string

	mu     sync.Mutex
	looked time.Time
	info   os.FileInfo
	token  string
	err    error // of the last look
}

// newTokenFile reads the file once. An empty path gives an empty token.
func newTokenFile(path string) (*tokenFile, error) {
	t := &tokenFile{path: path}
	if path == "" {
		return t, nil
	}
	t.look()
	return t, t.err
}

// get returns the token as of the last second.
func (t *tokenFile) get(now time.Time) string {
	if t.path == "" {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.looked) >= recheck {
		t.looked = now
		t.look()
	}
	return t.token
}

// trouble tells why the file cannot be read at present.
func (t *tokenFile) trouble() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *tokenFile) look() {
	info, err := os.Stat(t.path)
	if err != nil {
		t.err = fmt.Errorf("token file: %w", err)
		return
	}
	if t.err == nil && t.info != nil && os.SameFile(info, t.info) &&
		info.ModTime().Equal(t.info.ModTime()) && info.Size() == t.info.Size() {
		return
	}
	token, err := readToken(t.path)
	if t.err = err; err == nil {
		t.token, t.info = token, info
	}
}

// readToken takes care that no error quotes the file's content.
func readToken(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("token file %s is empty: write the token's SecretID into it", path)
	}
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(token) > 1024 || strings.ContainsFunc(token, bad) {
		return "", fmt.Errorf("token file %s holds more than one token: write the SecretID alone into it", path)
	}
	return token, nil
}
