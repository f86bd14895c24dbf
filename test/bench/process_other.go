//go:build !linux

package main

import (
	"errors"
	"time"
)

func cpuTime(int) (time.Duration, error) {
	return 0, errors.New("the CPU time of another process can be read on Linux only")
}

func peakMemory(int) (float64, error) {
	return 0, errors.New("the memory of another process can be read on Linux only")
}
