package cookie

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/caddy"
)

// maxSecrets is more than a rollover ever needs: each costs a hash for a cookie
// that is not valid.
const maxSecrets = 8

// ofProcess is the secret of all blocks without a file. It is drawn once for
// the process, so that a reload leaves cookies valid.
var ofProcess = sync.OnceValue(func() ring {
	var key [16]byte
	rand.Read(key[:]) // never fails
	return ring{newSecret(key)}
})

// keeper holds the secrets of one server block.
type keeper struct {
	file  string // empty for the secret of the process
	every time.Duration
	grace time.Duration // for an instance to be listed
	ring  atomic.Pointer[ring]
	stamp stamp // of the file when it was read last, used or not
}

// stamp tells one version of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

func newKeeper(file string) (*keeper, error) {
	k := &keeper{file: file, every: rereadEvery, grace: startGrace}
	if file == "" {
		r := ofProcess()
		k.ring.Store(&r)
		return k, nil
	}
	_, err := k.reread()
	return k, err
}

// rereadEvery is how often a file is looked at for changes, startGrace longer
// than a start takes.
const (
	rereadEvery = 2 * time.Second
	startGrace  = 10 * time.Minute
)

// follow reads the file again whenever it changes, until ctx ends. A file that
// cannot be used leaves the secrets as they are.
func (k *keeper) follow(ctx context.Context) {
	ticker := time.NewTicker(k.every)
	defer ticker.Stop()
	began, told := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if time.Since(began) > k.grace && !k.listed() {
			return
		}
		changed, err := k.reread()
		switch {
		case err == nil:
			told = ""
		case err.Error() != told:
			told = err.Error()
			log.Errorf("the secrets stay as they were: %v", err)
		}
		if changed && err == nil {
			log.Infof("read %d secrets from %s", len(*k.ring.Load()), k.file)
		}
	}
}

// listed tells whether the instance that the keeper is of is one of CoreDNS's.
// One that fails to start is dropped without a word.
func (k *keeper) listed() bool {
	for _, inst := range caddy.Instances() {
		inst.StorageMu.RLock()
		_, ok := inst.Storage[k]
		inst.StorageMu.RUnlock()
		if ok {
			return true
		}
	}
	return false
}

// reread takes the secrets from the file if it is another than it was.
func (k *keeper) reread() (changed bool, err error) {
	f, err := os.Open(k.file)
	if err != nil {
		return false, fmt.Errorf("open the cookie secrets: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("cookie secrets: %w", err)
	}
	now := stamp{info.ModTime(), info.Size()}
	if now == k.stamp {
		return false, nil
	}
	k.stamp = now
	if info.Mode()&0o004 != 0 {
		log.Warningf("%s can be read by everybody on this machine, and so cookies be forged; chmod o= %s", k.file, k.file)
	}
	r, err := readSecrets(f, k.file)
	if err != nil {
		return true, err
	}
	k.ring.Store(&r)
	return true, nil
}

// readSecrets reads a line of 32 hexadecimal digits for each secret. Empty lines,
// and what follows a #, say nothing.
func readSecrets(from io.Reader, name string) (ring, error) {
	var r ring
	lines := bufio.NewScanner(io.LimitReader(from, 1<<16))
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		// What is wrong with a secret is not said in its own words: the log has readers.
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != 16 {
			return nil, fmt.Errorf("%s:%d: a secret is 32 hexadecimal digits, these are %d characters; make one with: openssl rand -hex 16", name, n, len(text))
		}
		if r = append(r, newSecret([16]byte(key))); len(r) > maxSecrets {
			return nil, fmt.Errorf("%s:%d: more than %d secrets; remove those that no server makes cookies with", name, n, maxSecrets)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(r) == 0 {
		return nil, fmt.Errorf("%s: there is no secret in it; make one with: openssl rand -hex 16", name)
	}
	return r, nil
}
