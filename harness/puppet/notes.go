package puppet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// note adds a line to the file of notes, in one write: what another puppet of the same
// task notes meanwhile does not mix with it.
func (p *puppet) note(name string, value any) error {
	line, err := json.Marshal(Note{Note: name, Value: value})
	if err != nil {
		return fmt.Errorf("note %s: %w", name, err)
	}
	file, err := os.OpenFile(filepath.Join(p.Conf.Dir, NotesFile), os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("note %s: %w", name, err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("note %s: %w", name, err)
	}
	return nil
}
