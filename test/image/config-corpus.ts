/** The image that the Dockerfiles below start from; of the testbed. */
export const BASE = 'python:3.11-slim';

/** A Dockerfile with the options of its build. */
export interface Case {
  readonly dockerfile: string;
  readonly arguments?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly labels?: Readonly<Record<string, string>>;
}

/** Dockerfiles whose configuration and history must be the ones that BuildKit writes. */
export const SAME: Readonly<Record<string, string | Case>> = {
  'nothing but FROM': `FROM ${BASE}\n`,
  'FROM scratch': 'FROM scratch\nCOPY a /\n',
  'both forms of ENV and LABEL': `FROM ${BASE}
ENV A 1 2  3
ENV B="x y" C=z\\ w D='q "r"' E= F=a"b c"d G="" H=x\\\\y
LABEL one two three
LABEL k="a b" "quoted key"=v $A=expanded m='$A' n=\\$A o="\\$A"
`,
  'ENV sees the values before it, and replaces in place': `FROM ${BASE}
ENV A=1 B=2
ENV A=3 C=$A D=\${B}x
ENV PATH=/opt/bin:$PATH
ENV PYTHON_VERSION=mine
`,
  'every substitution': `FROM ${BASE}
ENV S=abc/def/abc.tar.gz EMPTY= STAR=a*b?c Q="it's"
LABEL a1=\${S#*/} a2=\${S##*/} a3=\${S%.*} a4=\${S%%.*} a5=\${S/abc/X} a6=\${S//abc/X} a7=\${S/a*c/} a8=\${S//a?c/Y}
LABEL b1=\${NONE:-d} b2=\${NONE-d} b3=\${EMPTY:-d} b4=\${EMPTY-d} b5=\${S:+yes} b6=\${EMPTY:+yes} b7=\${EMPTY+yes} b8=\${NONE+yes}
LABEL c1=\${S:?needed} c2="\${NONE:-a b}" c3=\${NONE:-\${S#abc}} c4='$S' c5=\\$S c6="\\$S" c7="a\\b\\\\c" c8=$NONE.y c9=\${S?x}
LABEL d1=\${S//\\//-} d2=$ d3=$$ d4=a$1b d5="\${EMPTY:-x}\${NONE}" d6=\${STAR/\\*/+} d7=\${S#"abc/"} d8=\${S//x*/-} d9=\${STAR%\\?c}
LABEL e1=\${S//b*/[\\$0]} e2=\${S//c/$0} e3=\${S//[a]/x} e4=\${S%z*} e5=\${S%%/*} e6=\${S/\\//_} e7=\${EMPTY/x/y} e8=\${S#$EMPTY}
LABEL f1=\${S/\${NONE:-def}/$EMPTY} f2="\${S%'.gz'}" f3=\${Q#it"'"} f4="\${NONE:-}" f5=\${S//a*a/Z} f6=pre\${NONE:+x}post f7=$S$S f8=é\${S}ü
`,
  'another escape character': `# escape=\`
FROM ${BASE}
ENV A=x\` y B="a\`"b" C=c:\\dir
LABEL long=x \`
  two=$A three=\`$A
CMD echo \\
`,
  'continued lines, comments and empty lines in them': `FROM ${BASE}
ENV A=1 \\
  # a comment
    B=2 \\

    C=3
CMD echo one \\
  # no
     && echo two   \\
&& echo three
`,
  'ARG: defaults, given ones, one from another': {
    dockerfile: `ARG GLOBAL=g
ARG DERIVED=\${GLOBAL}h
FROM ${BASE}
ARG GLOBAL
ARG DERIVED
ARG A=1 B=$A C
ARG GIVEN=no NOTHING QUOTED="a b"
ENV ALL="$GLOBAL $DERIVED $A $B $C $GIVEN $NOTHING $QUOTED"
RUN true
`,
    arguments: { GIVEN: 'yes "it is"', C: 'see', UNUSED: 'x' },
  },
  'ENV against ARG, in both orders': `FROM ${BASE}
ARG A=arg
ENV A=env
LABEL a=$A
ENV B=env
ARG B=arg
LABEL b=$B
ARG PYTHON_VERSION
LABEL c=$PYTHON_VERSION
ARG PYTHON_VERSION=other
RUN true
`,
  'another target': {
    dockerfile: `FROM ${BASE} AS one\nARG TARGETSTAGE\nLABEL a=$TARGETSTAGE\nFROM one AS two\nLABEL b=1\nFROM two\n`,
    target: 'Two',
  },
  'ARG and ENV through stages': {
    dockerfile: `ARG TOP=t
FROM ${BASE} AS one
ARG A=1
ENV B=env
ARG B=arg
ARG TOP
RUN true
FROM one AS two
LABEL a=$A b=$B top=$TOP
ARG A
ARG B=again
RUN true $A
FROM two
LABEL a=$A b=$B
RUN true
`,
    arguments: { A: 'given' },
  },
  'predefined arguments': `FROM ${BASE} AS build
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDARCH TARGETSTAGE
ENV X="$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT $BUILDPLATFORM $BUILDARCH $TARGETSTAGE"
RUN true
`,
  'proxies are no variables unless they are declared': {
    dockerfile: `FROM ${BASE}
LABEL a=$HTTP_PROXY
RUN true
ARG HTTP_PROXY
LABEL b=$HTTP_PROXY
RUN true
`,
    arguments: { HTTP_PROXY: 'http://127.0.0.1:9' },
  },
  'FROM with arguments': `ARG V=3.11
ARG NAME=python
ARG PARENT=base
FROM "\${NAME}":\${V}-slim AS base
ENV V=$V
FROM \${CHILD:-$PARENT}
ARG V
ENV W=$V
`,
  'SOURCE_DATE_EPOCH in its usual form': {
    dockerfile: `FROM ${BASE}\nARG SOURCE_DATE_EPOCH\nLABEL a=$SOURCE_DATE_EPOCH\nRUN true\n`,
    arguments: { SOURCE_DATE_EPOCH: '+01700000000' },
  },
  'CMD, ENTRYPOINT and SHELL in all forms': `FROM ${BASE}
CMD ["python", "a \\"quoted\\" \\u00e9 \\u0001 \\ud83d\\ude00 \\u200b \\t", "x.py"]
ENTRYPOINT ["sh", "-c"]
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENTRYPOINT exec  "$0"
CMD [ 'not', "json" ]
`,
  'ENTRYPOINT takes away a CMD that is inherited only': `FROM ${BASE} AS one
CMD ["a"]
ENTRYPOINT ["b"]
FROM one
ENTRYPOINT []
`,
  'ENTRYPOINT leaves the CMD of its own stage': `FROM ${BASE}
CMD []
CMD ["c"]
ENTRYPOINT ["b"]
`,
  'HEALTHCHECK with all flags': `FROM ${BASE}
HEALTHCHECK NONE
HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=2h --start-interval=250ms --retries=5 CMD curl -f http://localhost/ || exit 1
HEALTHCHECK --interval=0 --timeout=90m CMD ["curl", "x y"]
HEALTHCHECK --interval=1h1m1.001s --start-interval=1.5ms CMD true
`,
  'HEALTHCHECK NONE': `FROM ${BASE}\nHEALTHCHECK CMD a\nHEALTHCHECK none\n`,
  EXPOSE: `FROM ${BASE}
ENV P="9000 9001/udp"
EXPOSE 80 443/TCP 8000-8002/udp 53/sctp
EXPOSE $P
EXPOSE 8080:81 $NONE
EXPOSE 1\${NONE:-2}
`,
  'VOLUME in both forms': `FROM ${BASE}
ENV D=/d
VOLUME /a $D/b
VOLUME ["/c d", "/$D"]
VOLUME [/e]
`,
  'WORKDIR: absolute, relative, with slashes and variables': `FROM ${BASE}
WORKDIR app
WORKDIR sub/../other/
WORKDIR /x//y/
WORKDIR "with space"
WORKDIR $NONE
WORKDIR \${HOME:-/tmp}/z
WORKDIR /
`,
  'USER and STOPSIGNAL': `FROM ${BASE}
ENV U=1000:1000
USER nobody
USER $U
STOPSIGNAL sigterm
STOPSIGNAL RTMIN+3
STOPSIGNAL 9
WORKDIR /owned
`,
  'MAINTAINER and ONBUILD': `FROM ${BASE}
MAINTAINER Some One <one@example.com> $X
ONBUILD RUN --mount=type=cache,target=/x \\
   pip install x
ONBUILD COPY <<EOF /y
text $X
EOF
`,
  'COPY with every flag, wildcards, JSON and variables': `FROM ${BASE}
ENV D=/dest NAME=a
COPY a b /x/
COPY --chown=1:2 --chmod=0644 $NAME $D/
COPY ["a", "with space", "/y/"]
COPY --exclude=*.md --parents d/./e* /p/
COPY --link --chown=0 a* /z/
ADD --chmod=600 a /w
COPY with?space* /q/
COPY -- a /u
`,
  'COPY --from of a stage by name, by number, and of an image': `FROM scratch AS Files
COPY a /one
FROM ${BASE}
COPY --from=fileS /one /1
COPY --from=0 /one /2
COPY --from=${BASE} /etc/host* /3/
`,
  heredocs: `FROM ${BASE}
ENV V=value
COPY <<EOF <<"RAW" <<-TABS /files/
$V \\$V "q"
EOF
$V
RAW
	tab
	TABS
RUN <<EOF
echo one
echo two
EOF
RUN <<-EOF
	#!/bin/sh
	echo program
	EOF
RUN cat <<ONE > /1 && cat <<'TWO' > /2
one
ONE
two
TWO
ADD --chmod=755 <<run.sh /run.sh
#!/bin/sh
run.sh
`,
  'RUN: shell, exec, another shell, arguments, mounts': `FROM ${BASE}
RUN true
RUN ["true", "a b"]
ARG A=1
RUN --mount=type=tmpfs,target=/t --network=none true \\
   # comment
   && true "$A"
SHELL ["/bin/bash", "-c"]
ARG A=2 B
RUN true
`,
  'lower case, tabs, and flags in quotes': `from ${BASE}
copy\t--chown="1:1"   a \t /a
env\tA=1
run --mount="type=tmpfs,target=/t" true
label a=b
`,
  'labels and the platform of the command line': {
    dockerfile: `FROM ${BASE}\nLABEL a=1 b=2\n`,
    labels: { b: '3', c: '4' },
    platform: { os: 'linux', architecture: 'amd64' },
  },
  'another platform': {
    dockerfile: 'FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY a /\n',
    platform: { os: 'linux', architecture: 'arm64' },
  },
  'CR LF at the ends of the lines': `FROM ${BASE}\r\nENV A=1 \\\r\n  B=2\r\nCOPY <<EOF /x\r\none\r\nEOF\r\nRUN <<EOF\r\ntrue #\r\nEOF\r\nCMD a\r\n`,
  'a mark at the beginning, and no line end at the end': `\uFEFFFROM ${BASE}\nENV A="\u00a0b\u3000c" B=\uFEFFx\u3000C=y\nCMD a`,
  'a keyword over two lines, and JSON over several': `FROM ${BASE}\nEN\\\nV A=1\nCMD [ \\\n  "a", \\\n  # no\n  "b" \\\n]\n`,
};

/** What is left to BuildKit, with our reason. */
export interface Left {
  readonly dockerfile: string;
  readonly reason: RegExp;
  /** BuildKit's own word, if it refuses it too. */
  readonly refused?: RegExp;
}

export const LEFT: readonly Left[] = [
  {
    dockerfile: `FROM ${BASE}\nCOPY --unknown=1 a /\n`,
    reason: /unknown flag --unknown/,
    refused: /unknown flag: --unknown/,
  },
  { dockerfile: `FROM ${BASE}\nEXPOSE 127.0.0.1:80:80\n`, reason: /not understood as a port/ },
  {
    dockerfile: `FROM ${BASE}\nEXPOSE 70000\n`,
    reason: /not understood as a port/,
    refused: /invalid containerPort/,
  },
  {
    dockerfile: `FROM ${BASE}\nSTOPSIGNAL SIGNOTHING\n`,
    reason: /not understood as a signal/,
    refused: /invalid signal/i,
  },
  { dockerfile: `FROM ${BASE}\nENV $NONE=1\n`, reason: /a name is empty/ },
  {
    dockerfile: `FROM ${BASE}\nLABEL a\n`,
    reason: /LABEL must have two arguments/,
    refused: /LABEL must have two arguments/,
  },
  {
    dockerfile: `FROM ${BASE}\nCOPY a\n`,
    reason: /COPY has no destination/,
    refused: /at least two arguments/,
  },
  { dockerfile: `FROM ${BASE}\nCMD [1]\n`, reason: /of strings only/, refused: /strings only/ },
  { dockerfile: `FROM ${BASE}\nSHELL bash\n`, reason: /requires a JSON list/, refused: /JSON/ },
  {
    dockerfile: `FROM ${BASE}\nHEALTHCHECK --interval=1 CMD x\n`,
    reason: /--interval is no duration/,
    refused: /missing unit/,
  },
  {
    dockerfile: `FROM ${BASE}\nCOPY http://127.0.0.1/x /\n`,
    reason: /takes nothing from a URL/,
    refused: /source can't be a URL for COPY/,
  },
  {
    dockerfile: `FROM ${BASE} AS one\nONBUILD RUN true\nFROM one\n`,
    reason: /the stage that it starts from has ONBUILD/,
  },
  {
    dockerfile: `FROM ${BASE}\nCOPY --from=later a /\nFROM scratch AS later\nCOPY a /\nFROM scratch\nCOPY --from=0 a /\n`,
    reason: /does not stand before/,
    refused: /needs to be defined before/,
  },
  {
    dockerfile: `FROM ${BASE}\nRUN --mount=from=$X true\n`,
    reason: /doesn't support variable/,
    refused: /doesn't support variable/,
  },
  { dockerfile: 'FROM $NONE\n', reason: /it is empty/, refused: /should not be blank/ },
  {
    dockerfile: `FROM ${BASE} AS Deps\nFROM Deps\n`,
    reason: /is not a stage/,
    refused: /failed to parse stage name/,
  },
];
