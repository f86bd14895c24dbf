package zones

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// On the wire the data is one octet with the number of words, then the words
// of the presentation format as character-strings (RFC 1035 section 3.3).

var errShort = errors.New("data ends too early")

// Len is the length on the wire in octets.
func (lb *LB) Len() int {
	n := 1
	for _, w := range lb.words() {
		n += 1 + len(w)
	}
	return n
}

// Pack writes the data and returns its length.
func (lb *LB) Pack(b []byte) (int, error) {
	words := lb.words()
	if len(words) > maxWords {
		return 0, fmt.Errorf("pack LB record: %d words are more than %d", len(words), maxWords)
	}
	if len(b) < lb.Len() {
		return 0, fmt.Errorf("pack LB record: %d octets do not fit into %d", lb.Len(), len(b))
	}
	b[0] = byte(len(words))
	n := 1
	for _, w := range words {
		if len(w) > maxWord {
			return 0, fmt.Errorf("pack LB record: %.20q... is longer than %d octets", w, maxWord)
		}
		b[n] = byte(len(w))
		n += 1 + copy(b[n+1:], w)
	}
	return n, nil
}

// Unpack reads the data and returns its length.
func (lb *LB) Unpack(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, errShort
	}
	if b[0] > maxWords {
		return 0, fmt.Errorf("%d words are more than %d", b[0], maxWords)
	}
	words, n := make([]string, b[0]), 1
	for i := range words {
		if n >= len(b) || n+1+int(b[n]) > len(b) {
			return 0, errShort
		}
		end := n + 1 + int(b[n])
		words[i] = string(b[n+1 : end])
		n = end
	}
	if err := lb.Parse(words); err != nil {
		return 0, err
	}
	return n, nil
}

// Copy copies the data to dst, which must be an *LB.
func (lb *LB) Copy(dst dns.PrivateRdata) error {
	to, ok := dst.(*LB)
	if !ok {
		return fmt.Errorf("copy LB record: to a %T", dst)
	}
	*to = *lb.clone()
	return nil
}
