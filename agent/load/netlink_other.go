//go:build !linux

package load

import "errors"

// countByNetlink is the Linux kernel's to answer.
func countByNetlink(uint16) (int, error) { return 0, errors.ErrUnsupported }
