package dataplane

import "fmt"

// ProgramStats tell the size of the program on the links.
type ProgramStats struct {
	Verified   int // instructions that the verifier went through
	Translated int // bytes after verification
	Jited      int // bytes of machine code; 0: not compiled
}

// ProgramStats asks the kernel.
func (p *Plane) ProgramStats() (ProgramStats, error) {
	info, err := p.set.forward.Info()
	if err != nil {
		return ProgramStats{}, fmt.Errorf("program info: %w", err)
	}
	verified, _ := info.VerifiedInstructions()
	translated, err := info.TranslatedSize()
	if err != nil {
		return ProgramStats{}, fmt.Errorf("program info: %w", err)
	}
	jited, err := info.JitedSize()
	if err != nil {
		jited = 0 // the kernel does not tell everyone
	}
	return ProgramStats{Verified: int(verified), Translated: translated, Jited: int(jited)}, nil
}
