package metrics

import (
	"iter"
	"strings"
)

// unique skips what is called like one before it: a series that is there twice
// would make the whole answer invalid.
func unique[T any](all []T, name func(T) string) iter.Seq[T] {
	return func(yield func(T) bool) {
		seen := make(map[string]bool, len(all))
		for _, v := range all {
			key := strings.ToValidUTF8(name(v), "\uFFFD")
			if seen[key] {
				continue
			}
			seen[key] = true
			if !yield(v) {
				return
			}
		}
	}
}
