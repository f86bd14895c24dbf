package probe

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBounded(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"as it is", "connection refused", "connection refused"},
		{"the first line", "one\ntwo", "one"},
		{"space around", "\n  one \r\ntwo", "one"},
		{"control characters", "a\x00b\x1b[2Jc\td", "ab[2Jcd"},
		{"what is not UTF-8", "a\xff\xfeb", "ab"},
		{"too long", strings.Repeat("a", 1000), strings.Repeat("a", maxText)},
		{"cut within a letter", strings.Repeat("a", maxText-1) + "ä", strings.Repeat("a", maxText-1)},
		{"letters of all kinds", "Größe 負荷", "Größe 負荷"},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := bounded(tt.in); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzBounded(f *testing.F) {
	f.Add("a\xffb\nc")
	f.Fuzz(func(t *testing.T, s string) {
		got := bounded(s)
		if len(got) > maxText || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") {
			t.Errorf("%q became %q", s, got)
		}
	})
}
