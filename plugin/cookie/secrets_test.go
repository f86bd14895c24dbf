package cookie

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSecretFiles(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		secrets    int
		err        string
	}{
		{"one", rfcSecret + "\n", 1, ""},
		{"two, with remarks", "# since May\n" + rfcSecret + "  # in use\n\n" + strings.ToUpper(rfcOld), 2, ""},
		{"empty", "", 0, "no secret in it; make one with: openssl rand -hex 16"},
		{"remarks only", "# none\n", 0, "no secret in it"},
		{"too short", "\n" + rfcSecret[:30], 0, "FILE:2: a secret is 32 hexadecimal digits, these are 30 characters"},
		{"too long", rfcSecret + "00", 0, "FILE:1: a secret is 32"},
		{"no digits", strings.Repeat("x", 32), 0, "FILE:1: a secret is 32"},
		{"too many", strings.Repeat(rfcSecret+"\n", maxSecrets+1), 0, "FILE:9: more than 8 secrets"},
		{"a line without an end", strings.Repeat("a", 1<<17), 0, "FILE: bufio.Scanner: token too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secrets")
			os.WriteFile(file, []byte(tc.text), 0o600)
			k, err := newKeeper(file)
			if tc.err == "" {
				if err != nil || len(*k.ring.Load()) != tc.secrets {
					t.Errorf("Error %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), strings.Replace(tc.err, "FILE", file, 1)) {
				t.Errorf("Error is %v, want %s", err, tc.err)
			}
			if err != nil && strings.Contains(err.Error(), rfcSecret[:30]) {
				t.Errorf("The error tells the secret: %v", err)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		if _, err := newKeeper(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("Error is %v", err)
		}
	})
}

func TestSecretOfTheProcessStays(t *testing.T) {
	a, _ := newKeeper("")
	b, _ := newKeeper("")
	if (*a.ring.Load())[0] != (*b.ring.Load())[0] {
		t.Error("Two blocks, or one before and after a reload, do not know each other's cookies")
	}
	if (*a.ring.Load())[0] == (secret{}) {
		t.Error("The secret is zero")
	}
}

// An instance that failed to start is never told; its keeper ends by itself.
func TestKeeperOfNoInstanceEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets")
	os.WriteFile(file, []byte(rfcSecret), 0o600)
	synctest.Test(t, func(t *testing.T) {
		k, err := newKeeper(file)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		k.follow(t.Context())
		if took := time.Since(began); took < startGrace || took > startGrace+2*rereadEvery {
			t.Errorf("It ended after %v", took)
		}
	})
}
