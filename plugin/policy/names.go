package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

var constructors = map[string]func() Policy{
	"weighted": func() Policy { return weighted{} },
	"hash":     func() Policy { return hash{} },
}

// New returns the policy of that name. The error lists the names there are.
func New(name string) (Policy, error) {
	build, ok := constructors[name]
	if !ok {
		return nil, fmt.Errorf("unknown policy %q: it is one of %s", name, strings.Join(Names(), ", "))
	}
	return build(), nil
}

// Names lists the policies, sorted.
func Names() []string { return slices.Sorted(maps.Keys(constructors)) }
