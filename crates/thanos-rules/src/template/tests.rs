use super::check;
use crate::Dialect;

#[test]
fn valid_templates_are_accepted() {
    for text in [
        "",
        "plain",
        "{ }",
        "}}",
        "{{ $value }}",
        "{{$value}}",
        "{{- $value -}}",
        "{{ $labels.job }}",
        "{{ .Labels.job }}",
        "{{ . }}",
        "{{ $ }}",
        "{{ $.Value }}",
        "{{ $externalLabels.a }}",
        "{{ $externalURL }}",
        "{{ $value | humanize }}",
        "{{ humanize $value }}",
        "{{ printf \"%.2f\" $value }}",
        "{{ printf `%s` .Value | toUpper | title }}",
        "{{ if gt $value 1.5 }}a{{ else }}b{{ end }}",
        "{{ if .A }}{{ else if .B }}{{ end }}",
        "{{ with query \"up\" }}{{ . | first | value }}{{ end }}",
        "{{ with .A }}{{ else with .B }}{{ else }}{{ end }}",
        "{{ range $i, $v := query \"up\" }}{{ $i }}{{ $v }}{{ break }}{{ continue }}{{ else }}{{ end }}",
        "{{ range query `a` }}{{ .Labels.a }}{{ end }}",
        "{{ range $v := .A }}{{ $v.B }}{{ end }}",
        "{{ $x := 1 }}{{ $x = 2 }}{{ $x }}",
        "{{/* c */}}",
        "{{- /* c */ -}}",
        "{{ define \"a\" }}{{ . }}{{ end }}{{ template \"a\" }}{{ template \"a\" $value }}",
        "{{ block \"b\" . }}{{ $ }}{{ end }}",
        "{{ (query \"up\" | first).Labels }}",
        "{{ nil }}",
        "{{ true }}",
        "{{ -1 }}",
        "{{ .5 }}",
        "{{ index $labels \"a\" }}",
        "{{ \"\\n\\u00e9\\x41\" }}",
        "{{ (printf \"a\") }}",
        "{{\n$value\n}}",
        "{{ first.Labels }}",
        "{{ . | printf \"%v\" }}",
    ] {
        assert_eq!(check(text, &Dialect::default()), Ok(()), "{text}");
    }
}

#[test]
fn templates_that_go_rejects_are_rejected() {
    for text in [
        "{{",
        "{{ }}",
        "{{ $value",
        "{{ $value }",
        "{{ nope }}",
        "{{ $nope }}",
        "{{ end }}",
        "{{ else }}",
        "{{ if }}{{ end }}",
        "{{ if .A }}",
        "{{ if .A }}{{ else }}{{ else }}{{ end }}",
        "{{ range }}{{ end }}",
        "{{ with }}{{ end }}",
        "{{ $value | 1 }}",
        "{{ $value | . }}",
        "{{ | humanize }}",
        "{{ \"a\".B }}",
        "{{ 1.A }}",
        "{{ . .A }}x{{ end }}",
        "{{ (1 }}",
        "{{ 1) }}",
        "{{ humanize($value) }}",
        "{{ \"a }}",
        "{{ \"\\q\" }}",
        "{{ `a }}",
        "{{ 1a }}",
        "{{ $x = 1 }}",
        "{{ break }}",
        "{{ template }}",
        "{{ template a }}",
        "{{ define \"a\" }}{{ $value }}{{ end }}",
        "{{ if .A }}{{ define \"a\" }}{{ end }}{{ end }}",
        "{{/* a }}",
        "{{ /* a */ }}",
        "{{/* a */ x}}",
        "{{ $a, $b := .A }}",
        "{{ {{ }}",
        "{{ $value $ }} {{",
        "{{ if .A }}{{ $x := 1 }}{{ end }}{{ $x }}",
        "{{ $labels..a }}",
        "{{ a-b }}",
        "{{ % }}",
        "{{ 'a }}",
        "{{ range $a, $b, $c := .A }}{{ end }}",
        "{{ if if }}{{ end }}",
        "{{ end end }}",
        "{{ \"a\"\"b\" }}",
    ] {
        assert!(check(text, &Dialect::default()).is_err(), "{text}");
    }
    assert!(check(&"{{ if .A }}".repeat(100_000), &Dialect::default()).is_err());
    for (text, good) in [
        (nested(50), true),
        (nested(51), false),
        ("{{ 1e100 }}".to_owned(), true),
        ("{{ 1e309 }}".to_owned(), false),
        ("{{ -1.5e-999 }}".to_owned(), true),
        ("{{ 1e1000 }}".to_owned(), false),
    ] {
        assert_eq!(check(&text, &Dialect::default()).is_ok(), good, "{text}");
    }
    assert!(
        check(
            &format!("{{{{ {} }}}}", "(".repeat(100_000)),
            &Dialect::default()
        )
        .is_err()
    );
}

#[test]
fn template_functions_need_their_version_of_thanos() {
    let text = "{{ now }}";
    assert!(check(text, &Dialect::of_version("v0.39.0")).is_err());
    assert_eq!(check(text, &Dialect::of_version("v0.40.0")), Ok(()));
}

fn nested(levels: usize) -> String {
    "{{ if .A }}".repeat(levels) + &"{{ end }}".repeat(levels)
}
