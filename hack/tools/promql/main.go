// Command promql prints the functions of PromQL as Prometheus' own parser has them, one per line:
// name, types of the arguments, how many more there may be, type of the result, experimental or not.
package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	names := make([]string, 0, len(parser.Functions))
	for name := range parser.Functions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := parser.Functions[name]
		arguments := make([]string, len(f.ArgTypes))
		for i, t := range f.ArgTypes {
			arguments[i] = string(t)
		}
		stage := "stable"
		if f.Experimental {
			stage = "experimental"
		}
		// The parser wants at most `variadic` more than all but the last; -1 is any number.
		fmt.Printf("%s\t%s\t%d\t%s\t%s\n", name, strings.Join(arguments, ","), f.Variadic, f.ReturnType, stage)
	}
}
