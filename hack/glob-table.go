// The verdicts of filepath.Match over patterns and names, by which a test of the receive controller
// checks its own: one line of JSON for each pattern.
//
//	go run hack/glob-table.go 120 > crates/thanos-receive-controller/src/glob/filepath_match.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Pieces of patterns, and of names.
var (
	patterns = []string{"a", "b", "-", "*", "?", "[", "]", "^", `\`, "é", "a-c", "[a", "[^", "b]", "**", "c-a", "€"}
	names    = []string{"a", "b", "c", "-", "é", "]", "[", "*", "?", "^", "€", `\`}
	random   = rand.New(rand.NewSource(1))
)

type verdicts struct {
	Pattern string   `json:"pattern"`
	Bad     bool     `json:"bad"`
	Names   []string `json:"names,omitempty"`
	Matched []string `json:"matched,omitempty"`
}

func main() {
	count := 120
	if len(os.Args) > 1 {
		count, _ = strconv.Atoi(os.Args[1])
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for range count {
		pattern := text(patterns, 1+random.Intn(7))
		of := verdicts{Pattern: pattern, Bad: isBad(pattern)}
		for range 20 {
			name := near(pattern)
			matched, err := filepath.Match(pattern, name)
			if err != nil && !of.Bad {
				panic(pattern)
			}
			if !of.Bad && len(of.Names) < 8 && !slices.Contains(of.Names, name) {
				of.Names = append(of.Names, name)
				if matched {
					of.Matched = append(of.Matched, name)
				}
			}
		}
		line, _ := json.Marshal(of)
		fmt.Fprintln(out, string(line))
	}
}

// Whether some name makes filepath.Match fail. It reads what is between two stars as a whole, once
// what comes before has matched.
func isBad(pattern string) bool {
	from, inClass := 0, false
	for i := 0; i <= len(pattern); i++ {
		if i == len(pattern) || pattern[i] == '*' && !inClass {
			if _, err := filepath.Match(pattern[from:i], ""); err != nil {
				return true
			}
			from = i + 1
			continue
		}
		switch pattern[i] {
		case '\\':
			i = min(i+1, len(pattern)-1)
		case '[':
			inClass = true
		case ']':
			inClass = false
		}
	}
	return false
}

func text(pieces []string, length int) string {
	var text strings.Builder
	for range length {
		text.WriteString(pieces[random.Intn(len(pieces))])
	}
	return text.String()
}

// A name that the pattern may match.
func near(pattern string) string {
	if random.Intn(4) == 0 {
		return text(names, random.Intn(5))
	}
	var name strings.Builder
	for _, c := range pattern {
		switch {
		case c == '*':
			name.WriteString(text(names, random.Intn(3)))
		case c == '?':
			name.WriteString(text(names, 1))
		case strings.ContainsRune(`[]\^`, c) && random.Intn(3) > 0:
		case random.Intn(6) > 0:
			name.WriteRune(c)
		}
	}
	return name.String()
}
