package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
)

// heartbeat is the longest time without a block in plain mode.
const heartbeat = 10 * time.Second

// display shows views: on a terminal as a picture that changes, elsewhere as
// blocks of lines when something has changed.
type display struct {
	out    io.Writer
	stdin  *os.File                   // a terminal; nil if there are no keys
	size   func() (width, height int) // nil if out is no terminal
	colour bool

	hints hints
	shown view // the last block's
}

func newDisplay(stdin, stdout *os.File, getenv func(string) string) *display {
	d := &display{out: stdout}
	if !term.IsTerminal(int(stdout.Fd())) || getenv("TERM") == "dumb" {
		return d
	}
	d.colour = getenv("NO_COLOR") == "" // https://no-color.org
	d.size = func() (int, int) {
		width, height, err := term.GetSize(int(stdout.Fd()))
		if err != nil || width < 1 || height < 1 {
			return 80, 24
		}
		return width, height
	}
	if term.IsTerminal(int(stdin.Fd())) {
		d.stdin = stdin
	}
	return d
}

// say prints a line while there is no picture.
func (d *display) say(text string) { fmt.Fprintln(d.out, text) }

// open begins to show. The function that it returns ends that, and restores
// the terminal.
func (d *display) open(keys keys, happen func(string), h hints) (func(), error) {
	d.hints = h
	if d.size == nil {
		io.WriteString(d.out, preface(h))
		return func() {}, nil
	}
	end := func() {}
	if d.stdin != nil {
		keyboard, err := openKeyboard(d.stdin, keys, happen)
		if err != nil {
			return nil, err
		}
		end = keyboard.Close
	} else {
		d.hints.keys = ""
	}
	io.WriteString(d.out, hideCursor+clearScreen)
	return func() {
		end()
		io.WriteString(d.out, showCursor+"\n")
	}, nil
}

// show shows a view, with the events since the last and the last of all.
func (d *display) show(v view, fresh, last []event) {
	if d.size == nil {
		d.showBlock(v, fresh)
		return
	}
	width, height := d.size()
	lines := fit(frame(v, last, d.hints), height-1) // a line stays free for the cursor
	var b strings.Builder
	b.WriteString(home)
	for _, l := range lines {
		// A raw terminal wants the carriage return; what is left of the old
		// line is cleared afterwards, so that nothing flickers.
		b.WriteString(l.text(width, d.colour) + clearLine + "\r\n")
	}
	b.WriteString(clearBelow)
	io.WriteString(d.out, b.String())
}

// fit makes do with a few lines: empty ones go first, then the last.
func fit(lines []line, height int) []line {
	if len(lines) > height {
		lines = slices.DeleteFunc(lines, line.empty)
	}
	return lines[:max(0, min(len(lines), height))]
}

// showBlock prints what happened, and a block if it is time for one.
func (d *display) showBlock(v view, fresh []event) {
	for _, e := range fresh {
		fmt.Fprintf(d.out, "\n%s  %s\n", clock(e.at), e.text)
	}
	if !d.shown.at.IsZero() && !d.shown.differs(v) && v.at.Sub(d.shown.at) < heartbeat {
		return
	}
	d.shown = v
	io.WriteString(d.out, block(v))
}

func clock(t time.Time) string { return t.Format(time.TimeOnly) }
