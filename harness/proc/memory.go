package proc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxOpened bounds what is read of a file that a process has open, in octets.
const maxOpened = 1 << 20

// Remembers says of each text whether it stands in the memory of the process that it may
// write. It is for a process that stands still.
func (p Process) Remembers(texts ...string) ([]bool, error) {
	found := make([]bool, len(texts))
	maps, err := os.ReadFile(p.path("maps"))
	if err != nil {
		return nil, fmt.Errorf("list memory of process %d: %w", p.PID, err)
	}
	memory, err := os.Open(p.path("mem"))
	if err != nil {
		return nil, fmt.Errorf("open memory of process %d: %w", p.PID, err)
	}
	defer memory.Close()
	pages, err := os.Open(p.path("pagemap"))
	if err != nil {
		return nil, fmt.Errorf("open page map of process %d: %w", p.PID, err)
	}
	defer pages.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") {
			continue
		}
		eachResident(pages, from, to, func(from, to uint64) {
			search(io.NewSectionReader(memory, int64(from), int64(to-from)), texts, found)
		})
	}
	return found, nil
}

// eachResident calls do for each stretch of pages that were ever touched: runtimes reserve
// far more than they use.
func eachResident(pages io.ReaderAt, from, to uint64, do func(from, to uint64)) {
	page := uint64(os.Getpagesize())
	entries := bufio.NewReaderSize(io.NewSectionReader(pages, int64(from/page*8), int64((to-from)/page*8)), 64<<10)
	begin := from
	for at := from; ; at += page {
		var entry [8]byte
		_, err := io.ReadFull(entries, entry[:])
		const present, swapped = 1 << 7, 1 << 6 // of the highest octet
		if there := err == nil && at < to && entry[7]&(present|swapped) != 0; there {
			continue
		}
		if at > begin {
			do(begin, min(at, to))
		}
		if begin = at + page; err != nil || begin >= to {
			return
		}
	}
}

// search looks for texts in what can be read, across the borders of what is read at once.
func search(r io.Reader, texts []string, found []bool) {
	longest := 0
	for _, text := range texts {
		longest = max(longest, len(text))
	}
	window := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(r, window[len(window):cap(window)])
		window = window[:len(window)+n]
		for i, text := range texts {
			found[i] = found[i] || bytes.Contains(window, []byte(text))
		}
		if err != nil { // the end, or a page that cannot be read
			return
		}
		rest := min(longest, len(window))
		window = append(window[:0], window[len(window)-rest:]...)
	}
}

// Opened lists the regular files that the process has open and in which one of the texts
// stands, each by its descriptor and name.
func (p Process) Opened(texts ...string) (holding []string, err error) {
	links, err := os.ReadDir(p.path("fd"))
	if err != nil {
		return nil, fmt.Errorf("list descriptors of process %d: %w", p.PID, err)
	}
	for _, link := range links {
		path := filepath.Join(p.path("fd"), link.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue // a socket, say, or closed meanwhile
		}
		file, err := os.Open(path)
		if err != nil {
			continue
		}
		found := make([]bool, len(texts))
		search(io.LimitReader(file, maxOpened), texts, found)
		file.Close()
		if slices.Contains(found, true) {
			name, _ := os.Readlink(path)
			holding = append(holding, fmt.Sprintf("descriptor %s, %s", link.Name(), name))
		}
	}
	return holding, nil
}
